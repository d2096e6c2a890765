#include "tensor/ops/rows.h"

#include <algorithm>
#include <vector>

#include "tensor/ops/gradient_rows.h"
#include "tensor/tape.h"
#include "tensor/vector.h"

namespace jielong {

template <typename Index>
void scatter_rows(ThreadPool& pool, const Tensor& from, std::span<const Index> indices, float scale,
                  const Tensor& to) {
  // Threads share the columns, because two rows may go to the same place.
  pool.for_range(from.channels, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = 0; i < from.rows; ++i) {
      float* place = to.row(static_cast<std::int64_t>(indices[static_cast<std::size_t>(i)]));
      vectors().add_scaled(scale, from.row(i) + begin, place + begin, end - begin);
    }
  });
}

template void scatter_rows(ThreadPool&, const Tensor&, std::span<const std::int32_t>, float,
                           const Tensor&);
template void scatter_rows(ThreadPool&, const Tensor&, std::span<const std::int64_t>, float,
                           const Tensor&);

Tensor gather_rows(Pass& pass, const Tensor& x, std::span<const std::int64_t> indices) {
  const Tensor y = pass.empty(static_cast<std::int64_t>(indices.size()), x.channels);
  for_rows(pass.pool(), y.rows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      std::copy_n(x.row(indices[static_cast<std::size_t>(i)]), x.channels, y.row(i));
    }
  });
  if (Tape* tape = pass.tape()) {
    tape->record([&pass, tape, x, y, from = std::vector(indices.begin(), indices.end())] {
      const Tensor dy = tape->gradient(y);
      if (!dy) return;
      scatter_rows<std::int64_t>(pass.pool(), dy, from, 1.0f,
                                 added_gradient(pass.pool(), *tape, x));
    });
  }
  return y;
}

}  // namespace jielong
