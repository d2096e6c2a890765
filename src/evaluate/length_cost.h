#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "model/model_runner.h"

namespace jielong {

/// What one more token costs behind a chain of `length` tokens.
struct LengthCost {
  std::int64_t length = 0;
  double seconds_per_token = 0;  ///< of decoding, the median
  /// What the runner keeps of the chain: keys and values, and states that do not grow.
  std::uint64_t state_bytes = 0;
};

/// Grows one chain of arbitrary tokens to each of `lengths`, which ascend, and times `tokens` steps
/// of decoding there. Throws Error(limit) when the context is too short, Error(cancelled) once
/// `cancel` is true.
std::vector<LengthCost> measure_length_cost(
    ModelRunner& runner, std::span<const std::int64_t> lengths, std::int64_t tokens,
    const std::function<void(std::int64_t length)>& on_length = {},
    const std::atomic<bool>* cancel = nullptr);

}  // namespace jielong
