#pragma once

#include <array>
#include <cstdint>

namespace jielong {

/// Blocks of the quantized formats exactly as GGUF stores them (little endian).
/// `d` and `m` are binary16 scales and offsets (tensor/quant/half.h). All structs
/// are packed and so may lie at any address.
///
/// 32-value formats keep value i in the low nibble of qs[i] and value i + 16 in the
/// high nibble. 256-value ("K") formats split the block into sub-blocks of 16 or 32
/// values with a small integer scale each.

inline constexpr int kSmallBlock = 32;
inline constexpr int kSuperBlock = 256;

/// x = d · (q − 8)
struct [[gnu::packed]] BlockQ4_0 {
  std::uint16_t d;
  std::uint8_t qs[16];
};

/// x = d · q + m
struct [[gnu::packed]] BlockQ4_1 {
  std::uint16_t d, m;
  std::uint8_t qs[16];
};

/// x = d · (q − 16); bit i of qh is the fifth bit of value i.
struct [[gnu::packed]] BlockQ5_0 {
  std::uint16_t d;
  std::uint8_t qh[4];
  std::uint8_t qs[16];
};

/// x = d · q + m; bit i of qh is the fifth bit of value i.
struct [[gnu::packed]] BlockQ5_1 {
  std::uint16_t d, m;
  std::uint8_t qh[4];
  std::uint8_t qs[16];
};

/// x = d · q
struct [[gnu::packed]] BlockQ8_0 {
  std::uint16_t d;
  std::int8_t qs[32];
};

/// x = d · scale · q − dmin · min, 16 sub-blocks of 16 values.
struct [[gnu::packed]] BlockQ2_K {
  std::uint8_t scales[16];  ///< low nibble scale, high nibble min
  std::uint8_t qs[64];      ///< value 128h + 32p + i: bits 2p, 2p+1 of qs[32h + i]
  std::uint16_t d, dmin;
};

/// x = d · (scale − 32) · (q − 4), 16 sub-blocks of 16 values.
struct [[gnu::packed]] BlockQ3_K {
  std::uint8_t hmask[32];   ///< value 128h + 32p + i: its third bit is bit 4h + p of hmask[i]
  std::uint8_t qs[64];      ///< low two bits, as in Q2_K
  std::uint8_t scales[12];  ///< see q3_k_scale()
  std::uint16_t d;
};

/// x = d · scale · q − dmin · min, 8 sub-blocks of 32 values.
struct [[gnu::packed]] BlockQ4_K {
  std::uint16_t d, dmin;
  std::uint8_t scales[12];  ///< see q4_k_scale()
  std::uint8_t qs[128];     ///< value 64c + i low nibble, 64c + 32 + i high nibble of qs[32c + i]
};

/// x = d · scale · q − dmin · min, 8 sub-blocks of 32 values.
struct [[gnu::packed]] BlockQ5_K {
  std::uint16_t d, dmin;
  std::uint8_t scales[12];  ///< see q4_k_scale()
  std::uint8_t qh[32];      ///< value 32s + i: its fifth bit is bit s of qh[i]
  std::uint8_t qs[128];     ///< low four bits, as in Q4_K
};

/// x = d · scale · (q − 32), 16 sub-blocks of 16 values. Value 128h + 32p + i has its
/// low four bits in nibble p / 2 of ql[64h + 32(p % 2) + i] and its high two bits in
/// bits 2p, 2p+1 of qh[32h + i].
struct [[gnu::packed]] BlockQ6_K {
  std::uint8_t ql[128];
  std::uint8_t qh[64];
  std::int8_t scales[16];
  std::uint16_t d;
};

/// x = d · kIq4Values[q]
struct [[gnu::packed]] BlockIQ4_NL {
  std::uint16_t d;
  std::uint8_t qs[16];
};

/// x = d · (scale − 32) · kIq4Values[q], 8 sub-blocks of 32 values, each laid out as in
/// IQ4_NL. Scale s has its low four bits in nibble s % 2 of scales_l[s / 2], its high two
/// in bits 2s, 2s+1 of scales_h.
struct [[gnu::packed]] BlockIQ4_XS {
  std::uint16_t d;
  std::uint16_t scales_h;
  std::uint8_t scales_l[4];
  std::uint8_t qs[128];
};

static_assert(sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4_1) == 20);
static_assert(sizeof(BlockQ5_0) == 22 && sizeof(BlockQ5_1) == 24);
static_assert(sizeof(BlockQ8_0) == 34);
static_assert(sizeof(BlockQ2_K) == 84 && sizeof(BlockQ3_K) == 110);
static_assert(sizeof(BlockQ4_K) == 144 && sizeof(BlockQ5_K) == 176);
static_assert(sizeof(BlockQ6_K) == 210);
static_assert(sizeof(BlockIQ4_NL) == 18 && sizeof(BlockIQ4_XS) == 136);

/// The sixteen levels of the non-linear 4-bit formats.
inline constexpr std::array<std::int8_t, 16> kIq4Values = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

/// A sub-block's 6-bit scale and minimum in Q4_K and Q5_K.
struct ScaleMin {
  std::uint8_t scale, min;
};

/// Sub-blocks 0-3 keep scale and min in the low six bits of bytes s and s + 4;
/// sub-blocks 4-7 keep the low nibbles in byte s + 4 and their high two bits in the
/// two bits that those bytes have left.
inline ScaleMin q4_k_scale(const std::uint8_t* scales, int s) {
  if (s < 4) {
    return {static_cast<std::uint8_t>(scales[s] & 63),
            static_cast<std::uint8_t>(scales[s + 4] & 63)};
  }
  return {static_cast<std::uint8_t>((scales[s + 4] & 15) | (scales[s - 4] >> 6) << 4),
          static_cast<std::uint8_t>((scales[s + 4] >> 4) | (scales[s] >> 6) << 4)};
}

/// The scale of sub-block s of 16 in Q3_K, 0…63, the offset of 32 not yet taken off: low
/// nibble in byte s % 8 (high half for s ≥ 8), high two bits in byte 8 + s % 4.
inline int q3_k_scale(const std::uint8_t* scales, int s) {
  const int low = s < 8 ? scales[s] & 15 : scales[s - 8] >> 4;
  const int high = scales[8 + s % 4] >> 2 * (s / 4) & 3;
  return low | high << 4;
}

/// The scale of sub-block s of 8 in IQ4_XS, 0…63, the offset of 32 not yet taken off.
inline int iq4_xs_scale(const BlockIQ4_XS& block, int s) {
  return (block.scales_l[s / 2] >> 4 * (s % 2) & 15) | (block.scales_h >> 2 * s & 3) << 4;
}

}  // namespace jielong
