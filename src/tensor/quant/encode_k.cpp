#include <cstring>

#include "tensor/quant/encode.h"
#include "tensor/quant/fit.h"
#include "tensor/quant/half.h"

namespace jielong::quant {
namespace {

constexpr int kValues = kSuperBlock;

/// Packs one level of 0…3 for each value as Q2_K and Q3_K keep them.
void pack_two_bits(const std::uint8_t* q, std::uint8_t* qs) {
  for (int half = 0; half < 2; ++half) {
    for (int i = 0; i < 32; ++i) {
      const std::uint8_t* v = q + half * 128 + i;
      qs[half * 32 + i] = static_cast<std::uint8_t>(v[0] | v[32] << 2 | v[64] << 4 | v[96] << 6);
    }
  }
}

/// The levels of values under a scale and offset as stored, 0…top: what the first fit
/// chose is rounded anew, since scales have been rounded since. A scale of zero keeps it.
void requantize(const float* x, int count, float scale, float min, float top, std::uint8_t* q) {
  if (scale == 0) return;
  for (int i = 0; i < count; ++i) {
    q[i] = static_cast<std::uint8_t>(level((x[i] + min) / scale, 0, top));
  }
}

/// The same for formats without offset, whose levels −top…top−1 are stored from 0 on.
void requantize_signed(const float* x, int count, float scale, float top, std::uint8_t* q) {
  if (scale == 0) return;
  for (int i = 0; i < count; ++i) {
    q[i] = static_cast<std::uint8_t>(level(x[i] / scale, -top, top - 1) + top);
  }
}

/// The entry of largest magnitude, the first of equals.
template <std::size_t kCount>
float largest(const std::array<float, kCount>& values) {
  return extreme<static_cast<int>(kCount)>(values.data());
}

/// Scales and mins of the eight sub-blocks of Q4_K and Q5_K, six bits each.
void pack_six_bits(const std::array<std::uint8_t, 8>& scale, const std::array<std::uint8_t, 8>& min,
                   std::uint8_t* out) {
  for (int s = 0; s < 4; ++s) {
    out[s] = static_cast<std::uint8_t>(scale[s] | scale[s + 4] >> 4 << 6);
    out[s + 4] = static_cast<std::uint8_t>(min[s] | min[s + 4] >> 4 << 6);
    out[s + 8] = static_cast<std::uint8_t>((scale[s + 4] & 15) | (min[s + 4] & 15) << 4);
  }
}

/// Q4_K and Q5_K but for the packing of levels: fits eight sub-blocks of 32 values, writes
/// d, dmin and scales, leaves the levels in q (256).
template <typename Block>
void fit_sub_blocks(const float* x, const LineSearch& search, Block& block, std::uint8_t* q) {
  constexpr int kSubBlocks = 8, kSubValues = 32;
  float weight[kValues];
  for (int s = 0; s < kSubBlocks; ++s) {
    const float* values = x + s * kSubValues;
    float sum_squares = 0;
    for (int i = 0; i < kSubValues; ++i) sum_squares += values[i] * values[i];
    const float typical = std::sqrt(sum_squares / kSubValues);
    for (int i = 0; i < kSubValues; ++i) {
      weight[s * kSubValues + i] = typical + std::fabs(values[i]);
    }
  }
  std::array<Line, kSubBlocks> lines;
  fit_lines<kSubBlocks, kSubValues>(x, weight, search, lines.data(), q);
  float max_scale = 0, max_min = 0;
  for (const Line& line : lines) {
    max_scale = std::max(max_scale, line.scale);
    max_min = std::max(max_min, line.min);
  }
  const float per_scale = max_scale > 0 ? 63.0f / max_scale : 0.0f;
  const float per_min = max_min > 0 ? 63.0f / max_min : 0.0f;
  std::array<std::uint8_t, kSubBlocks> scales, mins;
  for (int s = 0; s < kSubBlocks; ++s) {
    scales[s] = static_cast<std::uint8_t>(level(per_scale * lines[s].scale, 0, 63));
    mins[s] = static_cast<std::uint8_t>(level(per_min * lines[s].min, 0, 63));
  }
  pack_six_bits(scales, mins, block.scales);
  block.d = f32_to_f16(max_scale / 63.0f);
  block.dmin = f32_to_f16(max_min / 63.0f);
  const float d = f16_to_f32(block.d), dmin = f16_to_f32(block.dmin);
  for (int s = 0; s < kSubBlocks; ++s) {
    requantize(x + s * kSubValues, kSubValues, d * static_cast<float>(scales[s]),
               dmin * static_cast<float>(mins[s]), search.top, q + s * kSubValues);
  }
}

}  // namespace

void encode(const float* x, BlockQ2_K& block) {
  constexpr int kSubBlocks = 16, kSubValues = 16;
  constexpr LineSearch kSearch{3.0f, -0.5f, 16, true};
  float weight[kValues];
  for (int i = 0; i < kValues; ++i) weight[i] = std::fabs(x[i]);
  std::array<Line, kSubBlocks> lines;
  std::uint8_t q[kValues];
  fit_lines<kSubBlocks, kSubValues>(x, weight, kSearch, lines.data(), q);
  float max_scale = 0, max_min = 0;
  for (const Line& line : lines) {
    max_scale = std::max(max_scale, line.scale);
    max_min = std::max(max_min, line.min);
  }
  const float per_scale = max_scale > 0 ? 15.0f / max_scale : 0.0f;
  const float per_min = max_min > 0 ? 15.0f / max_min : 0.0f;
  block.d = f32_to_f16(max_scale / 15.0f);
  block.dmin = f32_to_f16(max_min / 15.0f);
  const float d = f16_to_f32(block.d), dmin = f16_to_f32(block.dmin);
  for (int s = 0; s < kSubBlocks; ++s) {
    const float scale = level(per_scale * lines[s].scale, 0, 15);
    const float min = level(per_min * lines[s].min, 0, 15);
    block.scales[s] =
        static_cast<std::uint8_t>(static_cast<int>(scale) | static_cast<int>(min) << 4);
    requantize(x + s * kSubValues, kSubValues, d * scale, dmin * min, kSearch.top,
               q + s * kSubValues);
  }
  pack_two_bits(q, block.qs);
}

void encode(const float* x, BlockQ3_K& block) {
  constexpr int kSubBlocks = 16, kSubValues = 16;
  std::array<float, kSubBlocks> scales;
  std::uint8_t q[kValues];
  for (int s = 0; s < kSubBlocks; ++s) {
    scales[s] = descend_scale<kSubValues>(x + s * kSubValues, 4.0f, q + s * kSubValues);
  }
  const float max_scale = largest(scales);
  std::memset(&block, 0, sizeof block);
  if (max_scale != 0) {
    const float per_scale = -32.0f / max_scale;
    block.d = f32_to_f16(1 / per_scale);
    for (int s = 0; s < kSubBlocks; ++s) {
      const int l = static_cast<int>(level(per_scale * scales[s], -32, 31)) + 32;
      block.scales[s % 8] |= static_cast<std::uint8_t>(s < 8 ? l & 15 : (l & 15) << 4);
      block.scales[8 + s % 4] |= static_cast<std::uint8_t>(l >> 4 << 2 * (s / 4));
    }
  }
  const float d = f16_to_f32(block.d);
  for (int s = 0; s < kSubBlocks; ++s) {
    const auto scale = static_cast<float>(q3_k_scale(block.scales, s) - 32);
    requantize_signed(x + s * kSubValues, kSubValues, d * scale, 4.0f, q + s * kSubValues);
  }
  for (int i = 0; i < kValues; ++i) {
    block.hmask[i % 32] |= static_cast<std::uint8_t>(q[i] >> 2 << i / 32);
    q[i] &= 3;
  }
  pack_two_bits(q, block.qs);
}

void encode(const float* x, BlockQ4_K& block) {
  std::uint8_t q[kValues];
  fit_sub_blocks(x, {15.0f, -1.0f, 21, false}, block, q);
  for (int i = 0; i < kValues / 2; ++i) {
    const std::uint8_t* v = q + i / 32 * 64 + i % 32;
    block.qs[i] = static_cast<std::uint8_t>(v[0] | v[32] << 4);
  }
}

void encode(const float* x, BlockQ5_K& block) {
  std::uint8_t q[kValues];
  fit_sub_blocks(x, {31.0f, -0.5f, 16, false}, block, q);
  std::memset(block.qh, 0, sizeof block.qh);
  for (int i = 0; i < kValues; ++i) {
    block.qh[i % 32] |= static_cast<std::uint8_t>(q[i] >> 4 << i / 32);
  }
  for (int i = 0; i < kValues / 2; ++i) {
    const std::uint8_t* v = q + i / 32 * 64 + i % 32;
    block.qs[i] = static_cast<std::uint8_t>((v[0] & 15) | (v[32] & 15) << 4);
  }
}

void encode(const float* x, BlockQ6_K& block) {
  constexpr int kSubBlocks = 16, kSubValues = 16;
  std::array<float, kSubBlocks> scales;
  std::uint8_t q[kValues];
  for (int s = 0; s < kSubBlocks; ++s) {
    scales[s] = fit_scale<kSubValues>(x + s * kSubValues, 32.0f, q + s * kSubValues);
  }
  const float max_scale = largest(scales);
  if (std::fabs(max_scale) < kNothing) {
    std::memset(&block, 0, sizeof block);
    return;
  }
  const float per_scale = -128.0f / max_scale;
  block.d = f32_to_f16(1 / per_scale);
  const float d = f16_to_f32(block.d);
  for (int s = 0; s < kSubBlocks; ++s) {
    const float scale = level(per_scale * scales[s], -128, 127);
    block.scales[s] = static_cast<std::int8_t>(scale);
    requantize_signed(x + s * kSubValues, kSubValues, d * scale, 32.0f, q + s * kSubValues);
  }
  for (int half = 0; half < 2; ++half) {
    for (int i = 0; i < 32; ++i) {
      const std::uint8_t* v = q + half * 128 + i;
      std::uint8_t* low = block.ql + half * 64 + i;
      low[0] = static_cast<std::uint8_t>((v[0] & 15) | (v[64] & 15) << 4);
      low[32] = static_cast<std::uint8_t>((v[32] & 15) | (v[96] & 15) << 4);
      block.qh[half * 32 + i] = static_cast<std::uint8_t>(v[0] >> 4 | v[32] >> 4 << 2 |
                                                          v[64] >> 4 << 4 | v[96] >> 4 << 6);
    }
  }
}

}  // namespace jielong::quant
