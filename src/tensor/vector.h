#pragma once

#include <cstdint>

namespace jielong {

/// Gating and plain activation functions of the feed-forward layers.
enum class Activation : std::uint8_t { silu, gelu_tanh, gelu_erf, relu, relu_squared };

/// How rotary embedding pairs up the channels of a head: `adjacent` rotates
/// (0,1), (2,3), … as in GGUF's llama layout; `halves` rotates (i, i + n/2) as in
/// GPT-NeoX and Hugging Face layouts.
enum class RopePairs : std::uint8_t { adjacent, halves };

/// Operations on one row of f32 channels, compiled for every instruction set. Reductions
/// run over fixed lanes and a fixed tree, so a row's result depends on that row alone.
struct VectorKernels {
  /// y[i] = x[i] / sqrt(mean(x²) + eps) · gain[i]; gain may be null (all ones).
  void (*rms_norm)(const float* x, const float* gain, float eps, float* y, std::int64_t n);
  /// y[i] = (x[i] − mean) / sqrt(variance + eps) · gain[i] + bias[i]; both may be null.
  void (*layer_norm)(const float* x, const float* gain, const float* bias, float eps, float* y,
                     std::int64_t n);
  /// y[i] = activation(gate[i]) · up[i]; y may be gate.
  void (*gated)(Activation activation, const float* gate, const float* up, float* y,
                std::int64_t n);
  /// x[i] = activation(x[i]).
  void (*activate)(Activation activation, float* x, std::int64_t n);
  /// y[i] += a · x[i].
  void (*add_scaled)(float a, const float* x, float* y, std::int64_t n);
  /// x[i] *= a.
  void (*scale)(float a, float* x, std::int64_t n);
  /// x[i] = cap · tanh(x[i] / cap).
  void (*soft_cap)(float cap, float* x, std::int64_t n);
  /// x[i] = exp(x[i] − max(x)) / Σ.
  void (*softmax)(float* x, std::int64_t n);
  /// max(x) + log Σ exp(x[i] − max(x)), accumulated in f64.
  double (*log_sum_exp)(const float* x, std::int64_t n);
  /// Rotates the first 2·pairs channels of one head in place; cosine and sine have
  /// `pairs` entries.
  void (*rotate)(RopePairs layout, const float* cosine, const float* sine, std::int64_t pairs,
                 float* head);
  /// Index of the largest value, the first of equals.
  std::int64_t (*argmax)(const float* x, std::int64_t n);
  /// Plain conversions of n values; bf16 rounds to nearest even.
  void (*f16_to_f32)(const std::uint16_t* x, float* y, std::int64_t n);
  void (*f32_to_f16)(const float* x, std::uint16_t* y, std::int64_t n);
  void (*bf16_to_f32)(const std::uint16_t* x, float* y, std::int64_t n);
  void (*f32_to_bf16)(const float* x, std::uint16_t* y, std::int64_t n);
};

/// The kernels of the active instruction set.
const VectorKernels& vectors();

}  // namespace jielong
