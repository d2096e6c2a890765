#include <array>
#include <cmath>
#include <cstring>

#include "tensor/quant/encode.h"
#include "tensor/quant/fit.h"
#include "tensor/quant/half.h"

namespace jielong::quant {
namespace {

constexpr int kFirst = kIq4Values.front(), kLast = kIq4Values.back();

/// For every integer from kFirst to kLast, the last level that is not above it.
constexpr auto kLevelBelow = [] {
  std::array<std::uint8_t, kLast - kFirst + 1> table{};
  std::uint8_t index = 0;
  for (int v = kFirst; v <= kLast; ++v) {
    if (index + 1 < 16 && kIq4Values[index + 1] <= v) ++index;
    table[static_cast<std::size_t>(v - kFirst)] = index;
  }
  return table;
}();

/// The level nearest to v, the upper one of two equally near.
std::uint8_t nearest(float v) {
  if (!(v > static_cast<float>(kFirst))) return 0;
  if (v >= static_cast<float>(kLast)) return 15;
  const int whole = static_cast<int>(std::floor(v));
  const std::uint8_t below = kLevelBelow[static_cast<std::size_t>(whole - kFirst)];
  const float to_below = v - static_cast<float>(kIq4Values[below]);
  const float to_above = static_cast<float>(kIq4Values[below + 1]) - v;
  return static_cast<std::uint8_t>(to_below < to_above ? below : below + 1);
}

/// The scale that fits 32 values best, each weighted by its square, of 16 scales around
/// the one that maps the extreme value to an extreme level.
float fit(const float* x) {
  constexpr int kTries = 7;
  const float peak = extreme<kSmallBlock>(x);
  if (std::fabs(peak) < kNothing) return 0.0f;
  float scale = 0, best = 0;
  for (int attempt = -kTries - 1; attempt <= kTries; ++attempt) {
    const bool plain = attempt < -kTries;
    const float stretch = plain ? 1 / (-peak / static_cast<float>(kFirst))
                                : static_cast<float>(attempt + kFirst) / peak;
    float sum_xl = 0, sum_l2 = 0;
    for (int i = 0; i < kSmallBlock; ++i) {
      const auto l = static_cast<float>(kIq4Values[nearest(stretch * x[i])]);
      const float w = x[i] * x[i];
      sum_xl += w * l * x[i];
      sum_l2 += w * l * l;
    }
    if (plain ? sum_l2 > 0 : sum_l2 > 0 && sum_xl * sum_xl > best * sum_l2) {
      scale = sum_xl / sum_l2;
      best = scale * sum_xl;
    }
  }
  return scale;
}

void pack(const float* x, float scale, std::uint8_t* qs) {
  const float stretch = scale != 0 ? 1 / scale : 0.0f;
  for (int i = 0; i < 16; ++i) {
    qs[i] = static_cast<std::uint8_t>(nearest(stretch * x[i]) | nearest(stretch * x[i + 16]) << 4);
  }
}

}  // namespace

void encode(const float* x, BlockIQ4_NL& block) {
  const float scale = fit(x);
  block.d = f32_to_f16(scale);
  pack(x, scale, block.qs);
}

void encode(const float* x, BlockIQ4_XS& block) {
  constexpr int kSubBlocks = 8;
  std::array<float, kSubBlocks> scales;
  for (int s = 0; s < kSubBlocks; ++s) scales[s] = fit(x + s * kSmallBlock);
  const float d = -extreme<kSubBlocks>(scales.data()) / 32;
  const float per_scale = d != 0 ? 1 / d : 0.0f;
  std::memset(&block, 0, sizeof block);
  block.d = f32_to_f16(d);
  for (int s = 0; s < kSubBlocks; ++s) {
    const float scale = level(per_scale * scales[s], -32, 31);
    pack(x + s * kSmallBlock, d * scale, block.qs + s * 16);
    const int l = static_cast<int>(scale) + 32;
    block.scales_l[s / 2] |= static_cast<std::uint8_t>((l & 15) << 4 * (s % 2));
    block.scales_h = static_cast<std::uint16_t>(block.scales_h | l >> 4 << 2 * s);
  }
}

}  // namespace jielong::quant
