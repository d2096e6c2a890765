#include "tensor/ops/scale_channels.h"

#include "tensor/ops/gradient_rows.h"

namespace jielong {

Tensor scale_channels(Pass& pass, const WeightVector& gain, const Tensor& x) {
  const Tensor y = pass.empty(x.rows, x.channels);
  pass.pool().for_range(x.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      for (std::int64_t c = 0; c < x.channels; ++c) y.row(i)[c] = gain.data()[c] * x.row(i)[c];
    }
  });
  if (Tape* tape = pass.tape()) {
    tape->record([tape, &pool = pass.pool(), &gain, x, y] {
      const Tensor d_y = given_gradient(*tape, y);
      if (!d_y) return;
      const Tensor d_x = added_gradient(pool, *tape, x);
      float* d_gain = tape->sum(gain);
      // Over channels, so that each sum over rows is one thread's.
      pool.for_range(x.channels, 16, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = 0; i < x.rows; ++i) {
          for (std::int64_t c = begin; c < end; ++c) {
            d_x.row(i)[c] += d_y.row(i)[c] * gain.data()[c];
            if (d_gain != nullptr) d_gain[c] += d_y.row(i)[c] * x.row(i)[c];
          }
        }
      });
    });
  }
  return y;
}

}  // namespace jielong
