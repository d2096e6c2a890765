#include "generate/scheduler/prefill_share.h"

#include <algorithm>
#include <numeric>

namespace jielong {

void share_prefill(std::span<const PrefillDemand> oldest_first, std::int64_t budget,
                   std::vector<std::int64_t>& shares) {
  const std::size_t count = oldest_first.size();
  shares.assign(count, 0);
  if (count == 0) return;
  std::int64_t left = budget;
  const auto give = [&](std::size_t i, std::int64_t most) {
    const PrefillDemand& prompt = oldest_first[i];
    const std::int64_t wanted = std::min(prompt.remaining, prompt.most) - shares[i];
    const std::int64_t rows = std::max<std::int64_t>(std::min({wanted, most, left}), 0);
    shares[i] += rows;
    left -= rows;
  };
  give(0, (budget + 1) / 2);
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return oldest_first[a].remaining < oldest_first[b].remaining;
  });
  for (const std::size_t i : order) give(i, left);
}

}  // namespace jielong
