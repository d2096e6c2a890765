#pragma once

#include <cstdint>
#include <vector>

#include "token/token.h"

namespace jielong {

/// A flat hash table (left, right) → how often the two are neighbours.
class PairCounts {
 public:
  static std::uint64_t key_of(Token left, Token right) {
    return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 |
           static_cast<std::uint32_t>(right);
  }

  /// The count of a pair, 0 at first; valid until the next call.
  std::int64_t& operator[](std::uint64_t key) {
    if (slots_.size() < (used_ + 1) * 2) grow();
    Slot& slot = slots_[place_of(key)];
    if (slot.key == kEmpty) {
      slot.key = key;
      ++used_;
    }
    return slot.count;
  }

 private:
  // No pair has this key: tokens are not negative.
  static constexpr std::uint64_t kEmpty = ~0ULL;
  struct Slot {
    std::uint64_t key = kEmpty;
    std::int64_t count = 0;
  };

  std::size_t place_of(std::uint64_t key) const {
    const std::size_t mask = slots_.size() - 1;
    std::uint64_t hash = key * 0x9E3779B97F4A7C15ULL;
    hash ^= hash >> 32;
    std::size_t at = static_cast<std::size_t>(hash) & mask;
    while (slots_[at].key != kEmpty && slots_[at].key != key) at = (at + 1) & mask;
    return at;
  }

  void grow() {
    std::vector<Slot> old(slots_.empty() ? 1024 : slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.key != kEmpty) slots_[place_of(slot.key)] = slot;
    }
  }

  std::vector<Slot> slots_;
  std::size_t used_ = 0;
};

}  // namespace jielong
