#pragma once

#include <span>

namespace jielong {

/// The largest of `logits`, −∞ for none.
float largest_of(std::span<const float> logits);
/// log Σ exp(logits), in f64; entries of −∞ add nothing. At least one must be finite.
double log_sum_exp(std::span<const float> logits);
/// logits[i] = exp(logits[i]) / Σ exp(logits), in place.
void softmax(std::span<float> logits);

}  // namespace jielong
