#include "generate/softmax.h"

#include <limits>

#include "tensor/vector.h"

namespace jielong {

float largest_of(std::span<const float> logits) {
  if (logits.empty()) return -std::numeric_limits<float>::infinity();
  return logits[static_cast<std::size_t>(
      vectors().argmax(logits.data(), static_cast<std::int64_t>(logits.size())))];
}

double log_sum_exp(std::span<const float> logits) {
  return vectors().log_sum_exp(logits.data(), static_cast<std::int64_t>(logits.size()));
}

void softmax(std::span<float> logits) {
  vectors().softmax(logits.data(), static_cast<std::int64_t>(logits.size()));
}

}  // namespace jielong
