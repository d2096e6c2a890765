#include "tensor/ops/norm.h"

#include <vector>

#include "tensor/tape.h"
#include "tensor/vector.h"
#include "tensor/vector_backward.h"

namespace jielong {

void Norm::row(const float* x, float* y, std::int64_t n) const {
  if (kind == Kind::rms) {
    vectors().rms_norm(x, gain.data(), eps, y, n);
  } else {
    vectors().layer_norm(x, gain.data(), bias.data(), eps, y, n);
  }
}

namespace {

void normalize_into(Pass& pass, const Norm& norm, const Tensor& x, const Tensor& y,
                    std::int64_t heads) {
  const std::int64_t n = x.channels / heads;
  pass.pool().for_range(x.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      for (std::int64_t h = 0; h < heads; ++h) norm.row(x.row(i) + h * n, y.row(i) + h * n, n);
    }
  });
  pass.visit(norm.gain.name, ".out", y);
}

void backward(Pass& pass, const Norm& norm, const Tensor& x, const Tensor& y, std::int64_t heads) {
  Tape& tape = *pass.tape();
  const Tensor dy = tape.gradient(y);
  if (!dy) return;
  const Tape::Sum dx = tape.sum(x);
  const BackwardKernels& kernels = backward_vectors();
  const auto row_backward = norm.kind == Norm::Kind::rms ? kernels.rms_norm : kernels.layer_norm;
  const std::int64_t n = x.channels / heads;
  std::vector<RowNorm> found(static_cast<std::size_t>(x.rows * heads));  // (rows, heads)
  pass.pool().for_range(x.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      for (std::int64_t h = 0; h < heads; ++h) {
        found[static_cast<std::size_t>(i * heads + h)] =
            row_backward(x.row(i) + h * n, norm.gain.data(), norm.eps, dy.row(i) + h * n,
                         dx.tensor.row(i) + h * n, !dx.first, n);
      }
    }
  });
  float* dgain = tape.sum(norm.gain);
  float* dbias = tape.sum(norm.bias);
  if (dgain == nullptr && dbias == nullptr) return;
  // Threads share the columns, so that each is summed over the rows in order.
  pass.pool().for_range(n, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = 0; i < x.rows * heads; ++i) {
      const std::int64_t row = i / heads, first = i % heads * n + begin;
      if (dgain != nullptr) {
        kernels.norm_gain(x.row(row) + first, found[static_cast<std::size_t>(i)],
                          dy.row(row) + first, dgain + begin, end - begin);
      }
      if (dbias != nullptr) {
        vectors().add_scaled(1.0f, dy.row(row) + first, dbias + begin, end - begin);
      }
    }
  });
}

}  // namespace

Tensor normalize(Pass& pass, const Norm& norm, const Tensor& x, std::int64_t heads) {
  const Tensor y = pass.empty(x.rows, x.channels);
  normalize_into(pass, norm, x, y, heads);
  if (Tape* tape = pass.tape()) {
    tape->record([&pass, &norm, x, y, heads] { backward(pass, norm, x, y, heads); });
  }
  return y;
}

Tensor normalize_in_place(Pass& pass, const Norm& norm, const Tensor& x) {
  if (pass.tape() != nullptr) return normalize(pass, norm, x);
  normalize_into(pass, norm, x, x, 1);
  return x;
}

}  // namespace jielong
