#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace jielong {

/// A prompt under evaluation.
struct PrefillDemand {
  std::int64_t remaining = 0;  ///< tokens not evaluated yet
  std::int64_t most = 0;       ///< of them at once
};

/// How many tokens of each prompt, oldest first, the next step evaluates: `budget` in all
/// where there are as many. Half of it belongs to the oldest prompt, so that a long one gets
/// on whatever comes after it; the rest goes to the shortest first, so that a short chat does
/// not wait for a long document. A prompt of at most budget / 2 tokens thus waits only for
/// shorter ones, and the oldest for nobody. Writes to `shares` (resized).
void share_prefill(std::span<const PrefillDemand> oldest_first, std::int64_t budget,
                   std::vector<std::int64_t>& shares);

}  // namespace jielong
