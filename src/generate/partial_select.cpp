#include "generate/partial_select.h"

#include <algorithm>
#include <limits>

namespace jielong {
namespace {

constexpr std::int64_t kBlock = 64;

/// The largest of a whole block: independent lanes, so that compilers vectorize it.
float block_max(const float* values) {
  float lanes[16];
  for (int i = 0; i < 16; ++i) lanes[i] = values[i];
  for (std::int64_t at = 16; at < kBlock; at += 16) {
    for (int i = 0; i < 16; ++i) {
      lanes[i] = values[at + i] > lanes[i] ? values[at + i] : lanes[i];
    }
  }
  for (int width = 8; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i)
      lanes[i] = lanes[i + width] > lanes[i] ? lanes[i + width] : lanes[i];
  }
  return lanes[0];
}

}  // namespace

void shrink_to_largest(std::vector<Candidate>& list, std::int64_t k) {
  const auto size = static_cast<std::int64_t>(list.size());
  if (k < size) {
    std::nth_element(list.begin(), list.begin() + k, list.end(), comes_before);
    list.resize(static_cast<std::size_t>(k));
  }
  std::sort(list.begin(), list.end(), comes_before);
}

void select_largest(std::span<const float> values, std::int64_t k, std::vector<Candidate>& out) {
  out.clear();
  const auto size = static_cast<std::int64_t>(values.size());
  k = std::min(k, size);
  if (k <= 0) return;
  const std::int64_t room = std::max<std::int64_t>(2 * k, k + kBlock);
  out.reserve(static_cast<std::size_t>(room + kBlock));
  // Tokens come in rising order, so one that only equals the k-th best loses to it.
  float threshold = -std::numeric_limits<float>::infinity();
  const auto offer = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const float value = values[static_cast<std::size_t>(i)];
      if (value > threshold) out.push_back({static_cast<Token>(i), value});
    }
    if (static_cast<std::int64_t>(out.size()) < room) return;
    std::nth_element(out.begin(), out.begin() + (k - 1), out.end(), comes_before);
    out.resize(static_cast<std::size_t>(k));
    threshold = out.back().logit;
  };
  std::int64_t at = 0;
  for (; at + kBlock <= size; at += kBlock) {
    if (block_max(values.data() + at) > threshold) offer(at, at + kBlock);
  }
  offer(at, size);
  shrink_to_largest(out, k);
}

void select_mass(std::span<const float> values, std::span<const float> weights, double mass,
                 std::vector<Candidate>& out) {
  out.clear();
  if (values.empty()) return;
  // A histogram of the weights over the distance from the best value. Buckets are in
  // order, so only the one in which the sum crosses the mass has to be sorted.
  constexpr std::size_t kBuckets = 4096;
  constexpr float kReach = 32;
  const float best = *std::max_element(values.begin(), values.end());
  const auto bucket_of = [&](float value) {
    const float place = (best - value) * (static_cast<float>(kBuckets) / kReach);
    return place < static_cast<float>(kBuckets - 1) ? static_cast<std::size_t>(place)
                                                    : kBuckets - 1;
  };
  std::vector<double> sums(kBuckets, 0);
  for (std::size_t i = 0; i < values.size(); ++i) {
    sums[bucket_of(values[i])] += static_cast<double>(weights[i]);
  }
  std::size_t border = 0;
  double taken = 0;
  while (border + 1 < kBuckets && taken + sums[border] < mass) taken += sums[border++];

  std::vector<Candidate> last;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] == -std::numeric_limits<float>::infinity()) continue;
    const std::size_t bucket = bucket_of(values[i]);
    if (bucket > border) continue;
    (bucket < border ? out : last).push_back({static_cast<Token>(i), values[i]});
  }
  std::sort(last.begin(), last.end(), comes_before);
  for (const Candidate& candidate : last) {
    if (taken >= mass) break;
    out.push_back(candidate);
    taken += static_cast<double>(weights[static_cast<std::size_t>(candidate.token)]);
  }
}

}  // namespace jielong
