#include "tensor/arena.h"

#include <algorithm>
#include <new>

namespace jielong {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kFirstBlockFloats = std::size_t{1} << 18;  // 1 MiB

}  // namespace

float* Arena::floats(std::int64_t count) {
  constexpr std::size_t kUnit = kAlignment / sizeof(float);
  const std::size_t wanted = (static_cast<std::size_t>(count) + kUnit - 1) / kUnit * kUnit;
  while (block_ < blocks_.size() && used_ + wanted > blocks_[block_].floats) {
    ++block_;
    used_ = 0;
  }
  if (block_ == blocks_.size()) {
    const std::size_t last = blocks_.empty() ? kFirstBlockFloats / 2 : blocks_.back().floats;
    const std::size_t size = std::max(wanted, last * 2);
    auto* memory =
        static_cast<float*>(::operator new[](size * sizeof(float), std::align_val_t(kAlignment)));
    blocks_.push_back(
        {{memory, [](float* p) { ::operator delete[](p, std::align_val_t(kAlignment)); }}, size});
    used_ = 0;
  }
  float* result = blocks_[block_].data.get() + used_;
  used_ += wanted;
  return result;
}

std::size_t Arena::reserved_bytes() const {
  std::size_t total = 0;
  for (const auto& block : blocks_) total += block.floats * sizeof(float);
  return total;
}

}  // namespace jielong
