#pragma once

#include <arm_neon.h>

#include <cstdint>

#include "tensor/kernels/inline.h"
#include "tensor/kernels/isa/dotprod/floats.h"

// Armv8.2 with int8 dot products. The meaning of every function is in tensor/kernels/int8.md.
namespace jielong::dotprod {

constexpr bool kBiased = false;
constexpr int kFewRows = 2;
constexpr int kTileRows = 4, kTilePanels = 1;

typedef std::uint8_t BytesQuad __attribute__((vector_size(16)));
typedef std::uint16_t HalvesQuad __attribute__((vector_size(16)));

JIELONG_KERNEL BytesQuad quad_lookup(BytesQuad i, const std::uint8_t* table) {
  return (BytesQuad)vqtbl1q_u8(vld1q_u8(table), (uint8x16_t)i);
}
JIELONG_KERNEL QuadBits quad_dot(QuadBits s, BytesQuad w, QuadBits four) {
  return (QuadBits)vdotq_s32((int32x4_t)s, (int8x16_t)w, (int8x16_t)four);
}

#include "tensor/kernels/int8_quads.inl"

}  // namespace jielong::dotprod
