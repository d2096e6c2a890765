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

}  // namespace jielong
