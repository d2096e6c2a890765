#pragma once

#include <cstdint>

namespace jielong {

/// One step of AdamW (Loshchilov and Hutter, 2019): decay apart from the gradient, moments
/// corrected for their bias towards zero (Kingma and Ba, 2015).
struct AdamwStep {
  float rate = 0;   ///< learning rate
  float decay = 0;  ///< θ loses rate · decay · θ
  float beta1 = 0, beta2 = 0;
  float epsilon = 0;
  float correction1 = 1;      ///< 1 − β₁ᵗ
  float correction2 = 1;      ///< 1 − β₂ᵗ
  float gradient_factor = 1;  ///< multiplies the gradient: clipping, averaging
};

/// One step of Lion (Chen et al., 2023).
struct LionStep {
  float rate = 0, decay = 0;
  float beta1 = 0, beta2 = 0;
  float gradient_factor = 1;
};

/// One step of gradient descent with momentum: m = momentum · m + g, then along m, or along
/// g + momentum · m with Nesterov's; decay apart from the gradient.
struct SgdStep {
  float rate = 0, decay = 0;
  float momentum = 0;
  bool nesterov = false;
  float gradient_factor = 1;
};

/// Updates of n parameters in f32, each in a single pass over memory. Every element is computed
/// by itself, so arrays may be split anywhere.
struct UpdateKernels {
  /// first, second: running means of gradient and squared gradient.
  void (*adamw)(const AdamwStep& step, const float* gradient, float* values, float* first,
                float* second, std::int64_t n);
  /// mean: running mean of the gradient.
  void (*lion)(const LionStep& step, const float* gradient, float* values, float* mean,
               std::int64_t n);
  /// velocity: m above; may be null when momentum is 0.
  void (*sgd)(const SgdStep& step, const float* gradient, float* values, float* velocity,
              std::int64_t n);
  /// velocity = momentum · velocity + factor · gradient, and direction = velocity, or
  /// factor · gradient + momentum · velocity with Nesterov's: for rules that change the direction
  /// before they follow it.
  void (*momentum)(float momentum, bool nesterov, float factor, const float* gradient,
                   float* velocity, float* direction, std::int64_t n);
  /// y[i] += a · (x[i] − y[i]): a running mean.
  void (*blend)(float a, const float* x, float* y, std::int64_t n);
};

/// The kernels of the active instruction set.
const UpdateKernels& update_vectors();

}  // namespace jielong
