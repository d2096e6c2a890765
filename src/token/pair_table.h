#pragma once

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "token/token.h"

namespace jielong {

/// What two neighbouring tokens become, and how important that is (smaller first).
struct Merge {
  static constexpr std::uint32_t kNever = 0xFFFFFFFFU;
  std::uint32_t priority = kNever;
  Token result = -1;
};

/// A flat hash table (left, right) → Merge.
class PairTable {
 public:
  void reserve(std::size_t pairs) {
    std::size_t slots = 64;
    while (slots * 2 < pairs * 3) slots *= 2;
    if (slots > slots_.size()) rehash(slots);
  }

  /// Of equal pairs the first one stays.
  void add(Token left, Token right, Merge merge) {
    if (slots_.size() * 2 < (used_ + 1) * 3) rehash(slots_.empty() ? 64 : slots_.size() * 2);
    insert({key_of(left, right), merge});
  }

  Merge find(Token left, Token right) const {
    if (slots_.empty()) return {};
    const std::uint64_t key = key_of(left, right);
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = start(key) & mask; slots_[at].key != kEmpty; at = (at + 1) & mask) {
      if (slots_[at].key == key) return slots_[at].merge;
    }
    return {};
  }

 private:
  // No pair has this key: tokens are not negative.
  static constexpr std::uint64_t kEmpty = ~0ULL;
  static constexpr int kMaxProbes = 4096;
  struct Slot {
    std::uint64_t key = kEmpty;
    Merge merge;
  };

  static std::uint64_t key_of(Token left, Token right) {
    return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 |
           static_cast<std::uint32_t>(right);
  }
  static std::size_t start(std::uint64_t key) {
    key *= 0x9E3779B97F4A7C15ULL;
    return static_cast<std::size_t>(key ^ (key >> 32));
  }

  void insert(const Slot& slot) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = start(slot.key) & mask;
    for (int probes = 0; slots_[at].key != kEmpty; at = (at + 1) & mask) {
      if (slots_[at].key == slot.key) return;
      if (++probes > kMaxProbes) throw Error(ErrorKind::limit, "the merges collide in the table");
    }
    slots_[at] = slot;
    ++used_;
  }

  void rehash(std::size_t slots) {
    std::vector<Slot> old(slots);
    old.swap(slots_);
    used_ = 0;
    for (const Slot& slot : old) {
      if (slot.key != kEmpty) insert(slot);
    }
  }

  std::vector<Slot> slots_;
  std::size_t used_ = 0;
};

}  // namespace jielong
