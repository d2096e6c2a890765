#include "tensor/ops/blend.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "tensor/tape.h"
#include "tensor/vector_backward.h"

namespace jielong {
namespace {

void backward(Pass& pass, const WeightVector& share, const Tensor& x, const Tensor& other,
              const Tensor& y) {
  Tape& tape = *pass.tape();
  const Tensor dy = tape.gradient(y);
  if (!dy) return;
  const float lambda = share.data()[0];
  const Tape::Sum dx = tape.sum(x), dother = tape.sum(other);
  std::vector<double> slopes(static_cast<std::size_t>(x.rows));  // of each row along λ
  pass.pool().for_range(x.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> scaled(static_cast<std::size_t>(x.channels));
    for (std::int64_t i = begin; i < end; ++i) {
      slopes[static_cast<std::size_t>(i)] =
          static_cast<double>(backward_vectors().dot(dy.row(i), other.row(i), x.channels)) -
          static_cast<double>(backward_vectors().dot(dy.row(i), x.row(i), x.channels));
      for (const auto& [sum, factor] : {std::pair{&dx, 1 - lambda}, std::pair{&dother, lambda}}) {
        // Rounded before it is added, as when checkpointing hands it on.
        std::copy_n(dy.row(i), x.channels, scaled.data());
        vectors().scale(factor, scaled.data(), x.channels);
        float* to = sum->tensor.row(i);
        if (sum->first) std::fill_n(to, x.channels, 0.0f);
        vectors().add_scaled(1, scaled.data(), to, x.channels);
      }
    }
  });
  if (float* dlambda = tape.sum(share)) {
    double sum = 0;
    for (const double slope : slopes) sum += slope;
    *dlambda += static_cast<float>(sum);
  }
}

}  // namespace

Tensor blend(Pass& pass, const WeightVector& share, const Tensor& x, const Tensor& other) {
  const Tensor y = pass.empty(x.rows, x.channels);
  const float lambda = share.data()[0];
  pass.pool().for_range(x.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      std::fill_n(y.row(i), y.channels, 0.0f);
      vectors().add_scaled(1 - lambda, x.row(i), y.row(i), y.channels);
      vectors().add_scaled(lambda, other.row(i), y.row(i), y.channels);
    }
  });
  pass.visit(share.name, ".out", y);
  if (Tape* tape = pass.tape()) {
    tape->record([&pass, &share, x, other, y] { backward(pass, share, x, other, y); });
  }
  return y;
}

}  // namespace jielong
