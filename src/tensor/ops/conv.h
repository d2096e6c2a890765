#pragma once

#include <span>

#include "tensor/ops/state_rows.h"
#include "tensor/pass.h"
#include "tensor/weight.h"

namespace jielong {

/// A causal convolution of each channel with its own few taps, followed by silu:
/// y[t, c] = silu(bias[c] + Σ_k weight[c, k] · x[t − taps + 1 + k, c]), inputs before a
/// sequence's first counting as zero.
struct CausalConv {
  std::int64_t channels = 0, taps = 0;  ///< 2 to 4 taps
  WeightVector weight;                  ///< (channels, taps), the last tap is the present
  WeightVector bias;                    ///< (channels), may be absent

  /// Floats that a sequence's state takes: the last inputs, (taps − 1, channels).
  std::int64_t state_floats() const { return (taps - 1) * channels; }
};

/// One of several convolutions that run together.
struct Convolution {
  const CausalConv* conv = nullptr;
  Tensor x, y;                    ///< (rows, channels)
  std::int64_t state_offset = 0;  ///< of its part in a sequence's state
};

/// Computes every y, which must have room. A sequence's state holds the parts' states at
/// their offsets.
void convolve(Pass& pass, std::span<const StateRows> sequences, std::span<const Convolution> parts);

}  // namespace jielong
