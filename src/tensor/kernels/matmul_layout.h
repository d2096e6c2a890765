#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/kernels/inline.h"

namespace jielong {

/// Where everything lies in a packed panel (docs/decisions/0002-packed-panels.md).
///
/// A panel holds 16 output features n. Along k (the input features) it is a sequence of
/// steps, of 64 values for the 32-value formats and of 256 values for the K formats; `in`
/// is padded to whole steps. A *group* is four consecutive k; one vector of 64 bytes is
/// (n, 4 k) of one group, so a 32-bit lane is one output. A step is cut into *pairs* of 64
/// values; in a pair, a nibble vector g of 8 holds group g in its low and group g + 8 in
/// its high nibbles.
///
/// The names of members, all byte offsets from the start of a step:
///   kHigh    bits above the low two or four:
///            one bit a value: for each pair two vectors, bit g of vector h belongs to
///            group g + 8h; two bits (Q6_K): for each pair four vectors v whose two-bit
///            slices belong to groups v, v + 8, v + 4, v + 12; Q3_K: for each pair two
///            vectors u, bit 4(v % 2) + p of vector v / 2 belongs to group 4p + v.
///   kScales  32-value formats: two rows of f16 (block, n). K formats: bytes
///            (block pair, n, 2), so that widening gives a lane both blocks of a pair.
///   kMins    as kScales.
///   kD       (n) f16 or f32 factor of the scales; kDMin (n) f16 factor of the minima.
namespace panel {

inline constexpr int kPairNibbles = 512, kPairBits = 128, kPairTwoBits = 256;

struct Q4_0 {
  static constexpr int kStep = 64, kScales = 512, kBytes = 576;
};
struct Q4_1 {
  static constexpr int kStep = 64, kScales = 512, kMins = 576, kBytes = 640;
};
struct Q5_0 {
  static constexpr int kStep = 64, kHigh = 512, kScales = 640, kBytes = 704;
};
struct Q5_1 {
  static constexpr int kStep = 64, kHigh = 512, kScales = 640, kMins = 704, kBytes = 768;
};
/// Bytes (group of 16, n, 4 k); see MatmulKernels::biased for their sign.
struct Q8_0 {
  static constexpr int kStep = 64, kScales = 1024, kBytes = 1088;
};
using IQ4_NL = Q4_0;

/// Two-bit slices: for each pair four vectors v, slice p belongs to group 4p + v.
/// kScales has scale | min << 4 in a byte.
struct Q2_K {
  static constexpr int kStep = 256, kScales = 1024, kD = 1280, kDMin = 1312, kBytes = 1344;
};
struct Q3_K {
  static constexpr int kStep = 256, kHigh = 1024, kScales = 1536, kD = 1792, kBytes = 1856;
};
struct Q4_K {
  static constexpr int kStep = 256, kScales = 2048, kMins = 2176, kD = 2304, kDMin = 2336,
                       kBytes = 2368;
};
struct Q5_K {
  static constexpr int kStep = 256, kHigh = 2048, kScales = 2560, kMins = 2688, kD = 2816,
                       kDMin = 2848, kBytes = 2880;
};
struct Q6_K {
  static constexpr int kStep = 256, kHigh = 2048, kScales = 3072, kD = 3328, kBytes = 3392;
};
struct IQ4_XS {
  static constexpr int kStep = 256, kScales = 2048, kD = 2176, kBytes = 2240;
};

}  // namespace panel

/// Where everything lies in a converted row, in bytes. Row buffers start with the int8
/// values, padded with zeros to whole steps; then arrays that the formats need:
struct RowLayout {
  std::int64_t padded = 0;             ///< values, padded to whole steps
  std::size_t scales = 0;              ///< f32 for every 32 or 256 values
  std::size_t scaled_sums = 0;         ///< block32: f32 scale · Σq of every 32 values
  std::size_t minus_8_sums = 0;        ///< int32 −8·Σq of every 32 values
  std::size_t minus_128_sums = 0;      ///< block32: int32 −128·Σq of every 32 values
  std::size_t sums16 = 0, sums32 = 0;  ///< block256: int16 Σq of every 16, every 32 values
  std::size_t bytes = 0;
};

JIELONG_KERNEL constexpr std::size_t round_to_line(std::size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

/// An odd number of cache lines, so that the same place of many rows does not fall into
/// the same set of the cache.
JIELONG_KERNEL constexpr std::size_t round_to_odd_lines(std::size_t bytes) {
  return ((bytes + 63) / 64 | 1) * 64;
}

JIELONG_KERNEL constexpr RowLayout layout_block32(std::int64_t in) {
  RowLayout l;
  l.padded = (in + 63) / 64 * 64;
  const auto n = static_cast<std::size_t>(l.padded);
  const std::size_t array = round_to_line(n / 32 * 4);
  l.scales = n;
  l.scaled_sums = l.scales + array;
  l.minus_8_sums = l.scaled_sums + array;
  l.minus_128_sums = l.minus_8_sums + array;
  l.bytes = round_to_odd_lines(l.minus_128_sums + array);
  return l;
}

JIELONG_KERNEL constexpr RowLayout layout_block256(std::int64_t in) {
  RowLayout l;
  l.padded = (in + 255) / 256 * 256;
  const auto n = static_cast<std::size_t>(l.padded);
  l.scales = n;
  l.sums16 = l.scales + round_to_line(n / 256 * 4);
  l.sums32 = l.sums16 + round_to_line(n / 16 * 2);
  l.minus_8_sums = l.sums32 + round_to_line(n / 32 * 2);
  l.bytes = round_to_odd_lines(l.minus_8_sums + round_to_line(n / 32 * 4));
  return l;
}

}  // namespace jielong
