#include "tensor/ops/add.h"

#include "tensor/vector.h"

namespace jielong {

void add(Pass& pass, const Tensor& x, const Tensor& sum) {
  pass.pool().for_range(x.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      vectors().add_scaled(1.0f, x.row(i), sum.row(i), x.channels);
    }
  });
}

}  // namespace jielong
