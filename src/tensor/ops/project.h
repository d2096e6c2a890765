#pragma once

#include <span>

#include "tensor/ops/norm.h"
#include "tensor/pass.h"
#include "tensor/vector.h"
#include "tensor/weight.h"

namespace jielong {

/// A linear map with its optional bias.
struct Linear {
  Weight weight;      ///< (out, in)
  WeightVector bias;  ///< (out), may be absent

  explicit operator bool() const { return static_cast<bool>(weight); }
};

/// One output of project(): y (rows, out) = x · Wᵀ + bias; y may be columns of a wider tensor.
struct Projection {
  const Linear* linear = nullptr;
  Tensor y;
};

/// Projects norm(x), or x itself when `norm` is null, through several linear maps that
/// share their input; the input is normalised and converted once. The outputs' y must have
/// room for (x.rows, out). Matrices that are not packed must lie in memory as f32 (see
/// Weight::plain()); the tape can record only those. Throws Error(unsupported) for others.
void project(Pass& pass, const Norm* norm, const Tensor& x, std::span<const Projection> outputs);

/// activation(norm(x)·Gᵀ) ⊙ (norm(x)·Uᵀ), (rows, out): the first half of a gated
/// feed-forward layer.
Tensor project_gated(Pass& pass, const Norm* norm, const Tensor& x, const Linear& gate,
                     const Linear& up, Activation activation);

/// One linear map into a new tensor.
Tensor project(Pass& pass, const Norm* norm, const Tensor& x, const Linear& linear);

/// sum + x · Wᵀ + bias, in place of `sum`, or a new tensor when a tape records.
Tensor project_add(Pass& pass, const Tensor& x, const Linear& linear, const Tensor& sum);

}  // namespace jielong
