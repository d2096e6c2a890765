#include "tensor/ops/activation.h"

#include <algorithm>

#include "tensor/tape.h"
#include "tensor/vector_backward.h"

namespace jielong {

Tensor activate(Pass& pass, Activation activation, const Tensor& x) {
  Tape* tape = pass.tape();
  const Tensor y = tape == nullptr ? x : pass.empty(x.rows, x.channels);
  pass.pool().for_range(x.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      if (tape != nullptr) std::copy_n(x.row(i), x.channels, y.row(i));
      vectors().activate(activation, y.row(i), y.channels);
    }
  });
  if (tape != nullptr) {
    tape->record([&pass, activation, tape, x, y] {
      const Tensor dy = tape->gradient(y);
      if (!dy) return;
      const Tape::Sum dx = tape->sum(x);
      pass.pool().for_range(x.rows, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          backward_vectors().activate(activation, x.row(i), dy.row(i), dx.tensor.row(i), !dx.first,
                                      x.channels);
        }
      });
    });
  }
  return y;
}

Tensor activate_gated(Pass& pass, Activation activation, const Tensor& gate, const Tensor& up) {
  Tape* tape = pass.tape();
  const Tensor y = tape == nullptr ? gate : pass.empty(gate.rows, gate.channels);
  pass.pool().for_range(y.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      vectors().gated(activation, gate.row(i), up.row(i), y.row(i), y.channels);
    }
  });
  if (tape != nullptr) {
    tape->record([&pass, activation, tape, gate, up, y] {
      const Tensor dy = tape->gradient(y);
      if (!dy) return;
      const Tape::Sum dgate = tape->sum(gate), dup = tape->sum(up);
      pass.pool().for_range(y.rows, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          backward_vectors().gated(activation, gate.row(i), up.row(i), dy.row(i),
                                   dgate.tensor.row(i), dup.tensor.row(i), false, y.channels);
        }
      });
    });
  }
  return y;
}

}  // namespace jielong
