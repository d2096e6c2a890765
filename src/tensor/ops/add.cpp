#include "tensor/ops/add.h"

#include <algorithm>

#include "tensor/tape.h"
#include "tensor/vector.h"

namespace jielong {

Tensor add(Pass& pass, const Tensor& x, const Tensor& sum) {
  Tape* tape = pass.tape();
  const Tensor y = tape == nullptr ? sum : pass.empty(sum.rows, sum.channels);
  pass.pool().for_range(x.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      if (tape != nullptr) std::copy_n(sum.row(i), sum.channels, y.row(i));
      vectors().add_scaled(1.0f, x.row(i), y.row(i), x.channels);
    }
  });
  if (tape != nullptr) {
    tape->record([&pass, tape, x, sum, y] {
      const Tensor dy = tape->gradient(y);
      if (!dy) return;
      add_gradient(pass, dy, x);
      add_gradient(pass, dy, sum);
    });
  }
  return y;
}

void add_gradient(Pass& pass, const Tensor& gradient, const Tensor& value) {
  const Tape::Sum sum = pass.tape()->sum(value);
  pass.pool().for_range(gradient.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      if (sum.first) {
        std::copy_n(gradient.row(i), gradient.channels, sum.tensor.row(i));
      } else {
        vectors().add_scaled(1.0f, gradient.row(i), sum.tensor.row(i), gradient.channels);
      }
    }
  });
}

}  // namespace jielong
