#pragma once

#include <cstdint>

namespace jielong {

/// A good mix of the bits of `x` (the finaliser of splitmix64).
inline std::uint64_t mix_bits(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

/// A shuffled order of [0, count) that is computed, not stored: a Feistel network over the smallest
/// even number of bits that holds `count`, repeated until it lands inside (Black and Rogaway 2002).
/// So the position in a shuffled stream is one number, however large the data.
class DocumentOrder {
 public:
  DocumentOrder(std::uint64_t count, std::uint64_t seed) : count_(count), seed_(seed) {
    while (count > std::uint64_t{1} << (2 * half_bits_) && half_bits_ < 31) ++half_bits_;
  }

  /// The document at place `index` below `count`.
  std::uint64_t operator[](std::uint64_t index) const {
    do {
      index = permute(index);
    } while (index >= count_);
    return index;
  }

 private:
  static constexpr int kRounds = 6;

  std::uint64_t permute(std::uint64_t x) const {
    const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
    std::uint64_t left = x >> half_bits_, right = x & mask;
    for (int round = 0; round < kRounds; ++round) {
      const std::uint64_t key = seed_ + static_cast<std::uint64_t>(round) * 0xD1342543DE82EF95ULL;
      const std::uint64_t next = left ^ (mix_bits(right ^ mix_bits(key)) & mask);
      left = right;
      right = next;
    }
    return left << half_bits_ | right;
  }

  std::uint64_t count_, seed_;
  int half_bits_ = 1;
};

}  // namespace jielong
