#include <algorithm>
#include <cmath>

#include "tensor/quant/encode.h"
#include "tensor/quant/fit.h"
#include "tensor/quant/half.h"

namespace jielong::quant {
namespace {

/// v without its fraction, held within 0…top; not-a-number becomes `top`.
std::uint8_t truncated(float v, float top) {
  return static_cast<std::uint8_t>(std::max(0.0f, std::min(top, v)));
}

float inverse(float d) { return d != 0 ? 1.0f / d : 0.0f; }

/// Levels of Q4_0 and Q5_0: the extreme value maps to level 0.
float fit_symmetric(const float* x, float half, std::uint8_t* q) {
  const float d = extreme<kSmallBlock>(x) / -half, stretch = inverse(d);
  for (int i = 0; i < kSmallBlock; ++i) {
    q[i] = truncated(x[i] * stretch + (half + 0.5f), 2 * half - 1);
  }
  return d;
}

/// Levels of Q4_1 and Q5_1: least and largest value map to 0 and top.
Line fit_range(const float* x, float top, std::uint8_t* q) {
  const auto [low, high] = std::minmax_element(x, x + kSmallBlock);
  const float d = (*high - *low) / top, stretch = inverse(d);
  for (int i = 0; i < kSmallBlock; ++i) q[i] = truncated((x[i] - *low) * stretch + 0.5f, top);
  return {d, *low};
}

void pack_nibbles(const std::uint8_t* q, std::uint8_t* qs) {
  for (int i = 0; i < 16; ++i) {
    qs[i] = static_cast<std::uint8_t>((q[i] & 15) | (q[i + 16] & 15) << 4);
  }
}

void pack_fifth_bits(const std::uint8_t* q, std::uint8_t* qh) {
  for (int byte = 0; byte < 4; ++byte) {
    int bits = 0;
    for (int i = 0; i < 8; ++i) bits |= q[byte * 8 + i] >> 4 << i;
    qh[byte] = static_cast<std::uint8_t>(bits);
  }
}

}  // namespace

void encode(const float* x, BlockQ4_0& block) {
  std::uint8_t q[kSmallBlock];
  block.d = f32_to_f16(fit_symmetric(x, 8, q));
  pack_nibbles(q, block.qs);
}

void encode(const float* x, BlockQ4_1& block) {
  std::uint8_t q[kSmallBlock];
  const Line line = fit_range(x, 15, q);
  block.d = f32_to_f16(line.scale);
  block.m = f32_to_f16(line.min);
  pack_nibbles(q, block.qs);
}

void encode(const float* x, BlockQ5_0& block) {
  std::uint8_t q[kSmallBlock];
  block.d = f32_to_f16(fit_symmetric(x, 16, q));
  pack_nibbles(q, block.qs);
  pack_fifth_bits(q, block.qh);
}

void encode(const float* x, BlockQ5_1& block) {
  std::uint8_t q[kSmallBlock];
  const Line line = fit_range(x, 31, q);
  block.d = f32_to_f16(line.scale);
  block.m = f32_to_f16(line.min);
  pack_nibbles(q, block.qs);
  pack_fifth_bits(q, block.qh);
}

void encode(const float* x, BlockQ8_0& block) {
  const float d = std::fabs(extreme<kSmallBlock>(x)) / 127.0f, stretch = inverse(d);
  block.d = f32_to_f16(d);
  for (int i = 0; i < kSmallBlock; ++i) {
    // Ties away from zero, unlike the K formats.
    const float rounded = std::round(x[i] * stretch);
    block.qs[i] = static_cast<std::int8_t>(std::max(-127.0f, std::min(127.0f, rounded)));
  }
}

}  // namespace jielong::quant
