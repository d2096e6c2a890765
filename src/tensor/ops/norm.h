#pragma once

#include <cstdint>

#include "tensor/pass.h"
#include "tensor/weight.h"

namespace jielong {

/// Normalisation of each row: root-mean-square (Zhang and Sennrich, 2019) or layer norm
/// (Ba et al., 2016). Gemma's "1 + gain" is folded into the gain when weights are loaded.
struct Norm {
  enum class Kind : std::uint8_t { rms, layer };

  Kind kind = Kind::rms;
  float eps = 1e-5f;
  WeightVector gain;  ///< (channels)
  WeightVector bias;  ///< (channels), layer norm only, may be absent

  /// y (n) = norm(x) (n) for one row; n may be a head's channels. y may be x.
  void row(const float* x, float* y, std::int64_t n) const;
};

/// norm(x), a new tensor. A row is `heads` parts of equally many channels, each normalised by
/// itself.
Tensor normalize(Pass& pass, const Norm& norm, const Tensor& x, std::int64_t heads = 1);

/// norm(x) in place of x, or a new tensor when a tape records.
Tensor normalize_in_place(Pass& pass, const Norm& norm, const Tensor& x);

}  // namespace jielong
