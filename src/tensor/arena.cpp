#include "tensor/arena.h"

#include <algorithm>

#include "tensor/memory.h"

namespace jielong {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kFirstBlockFloats = std::size_t{1} << 18;  // 1 MiB

}  // namespace

float* Arena::floats(std::int64_t count) {
  constexpr std::size_t kUnit = kAlignment / sizeof(float);
  // Nothing has a place of its own, too: values are known by their addresses.
  const auto least = static_cast<std::size_t>(std::max<std::int64_t>(count, 1));
  const std::size_t wanted = (least + kUnit - 1) / kUnit * kUnit;
  while (block_ < blocks_.size() && used_ + wanted > blocks_[block_].floats) {
    ++block_;
    used_ = 0;
  }
  if (block_ == blocks_.size()) {
    const std::size_t last = blocks_.empty() ? kFirstBlockFloats / 2 : blocks_.back().floats;
    const std::size_t size = std::max(wanted, last * 2);
    const std::size_t before = blocks_.empty() ? 0 : blocks_.back().before + blocks_.back().floats;
    blocks_.push_back({allocate_bytes(size * sizeof(float)), size, before});
    used_ = 0;
  }
  const Block& block = blocks_[block_];
  float* result = reinterpret_cast<float*>(block.memory.get()) + used_;
  used_ += wanted;
  peak_ = std::max(peak_, block.before + used_);
  return result;
}

std::size_t Arena::reserved_bytes() const {
  std::size_t total = 0;
  for (const auto& block : blocks_) total += block.floats * sizeof(float);
  return total;
}

}  // namespace jielong
