#include "tensor/ops/norm.h"

#include "tensor/vector.h"

namespace jielong {

void Norm::row(const float* x, float* y, std::int64_t n) const {
  if (kind == Kind::rms) {
    vectors().rms_norm(x, gain.data(), eps, y, n);
  } else {
    vectors().layer_norm(x, gain.data(), bias.data(), eps, y, n);
  }
}

namespace {

void normalize_into(Pass& pass, const Norm& norm, const Tensor& x, const Tensor& y) {
  pass.pool().for_range(x.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) norm.row(x.row(i), y.row(i), x.channels);
  });
  pass.visit(norm.gain.name, ".out", y);
}

}  // namespace

Tensor normalize(Pass& pass, const Norm& norm, const Tensor& x) {
  const Tensor y = pass.empty(x.rows, x.channels);
  normalize_into(pass, norm, x, y);
  return y;
}

void normalize_in_place(Pass& pass, const Norm& norm, const Tensor& x) {
  normalize_into(pass, norm, x, x);
}

}  // namespace jielong
