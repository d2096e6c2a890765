#pragma once

#include <algorithm>

#include "tensor/pass.h"
#include "tensor/tape.h"

namespace jielong {

/// dL/dvalue for a step that only adds to it: zero where nobody has written yet. It has
/// `value`'s shape, also where another op saw the same memory as rows of another length.
inline Tensor added_gradient(ThreadPool& pool, Tape& tape, const Tensor& value) {
  const Tape::Sum sum = tape.sum(value);
  if (sum.first) {
    pool.for_range(sum.tensor.rows, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        std::fill_n(sum.tensor.row(i), sum.tensor.channels, 0.0f);
      }
    });
  }
  Tensor gradient = sum.tensor;
  if (gradient.channels != value.channels) {
    gradient = {gradient.data, value.rows, value.channels, value.channels};
  }
  return gradient;
}

/// What the op that made `value` gets back, in `value`'s shape; null when nothing depends on it.
inline Tensor given_gradient(const Tape& tape, const Tensor& value) {
  Tensor gradient = tape.gradient(value);
  if (gradient && gradient.channels != value.channels) {
    gradient = {gradient.data, value.rows, value.channels, value.channels};
  }
  return gradient;
}

}  // namespace jielong
