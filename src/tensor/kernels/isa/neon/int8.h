#pragma once

#include <arm_neon.h>

#include <cstdint>

#include "tensor/kernels/inline.h"
#include "tensor/kernels/isa/neon/floats.h"

// Armv8 Advanced SIMD. The meaning of every function is in tensor/kernels/int8.md.
namespace jielong::neon {

constexpr bool kBiased = false;
constexpr int kFewRows = 2;
constexpr int kTileRows = 4, kTilePanels = 1;

typedef std::uint8_t BytesQuad __attribute__((vector_size(16)));
typedef std::uint16_t HalvesQuad __attribute__((vector_size(16)));

JIELONG_KERNEL BytesQuad quad_lookup(BytesQuad i, const std::uint8_t* table) {
  return (BytesQuad)vqtbl1q_u8(vld1q_u8(table), (uint8x16_t)i);
}

/// Products of two int8 fit a word each; pairs of words are added into int32.
JIELONG_KERNEL QuadBits quad_dot(QuadBits s, BytesQuad w, QuadBits four) {
  const int8x16_t a = (int8x16_t)w, b = (int8x16_t)four;
  const int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(b)));
  const int32x4_t high = vpaddlq_s16(vmull_high_s8(a, b));
  return (QuadBits)vaddq_s32((int32x4_t)s, vpaddq_s32(low, high));
}

#include "tensor/kernels/int8_quads.inl"

}  // namespace jielong::neon
