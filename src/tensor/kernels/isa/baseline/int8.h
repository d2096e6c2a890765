#pragma once

#include <cstdint>

#include "tensor/kernels/inline.h"
#include "tensor/kernels/isa/baseline/floats.h"

// The platform's baseline, without intrinsics. The meaning of every function is in
// tensor/kernels/int8.md.
namespace jielong::baseline {

constexpr bool kBiased = false;
constexpr int kFewRows = 1;
constexpr int kTileRows = 2, kTilePanels = 1;

typedef std::uint8_t BytesQuad __attribute__((vector_size(16)));
typedef std::uint16_t HalvesQuad __attribute__((vector_size(16)));

JIELONG_KERNEL BytesQuad quad_lookup(BytesQuad i, const std::uint8_t* table) {
  BytesQuad x;
  for (int n = 0; n < 16; ++n) x[n] = table[i[n]];
  return x;
}

/// Both factors are widened to words in place: the even bytes of every word, then the odd;
/// their products fit a word each, and a lane is the sum of the four.
JIELONG_KERNEL QuadBits quad_dot(QuadBits s, BytesQuad w, QuadBits four) {
  typedef std::int16_t Signed __attribute__((vector_size(16)));
  const Signed x = (Signed)w, y = (Signed)four;
  const QuadBits even = (QuadBits)(((x << 8) >> 8) * ((y << 8) >> 8));
  const QuadBits odd = (QuadBits)((x >> 8) * (y >> 8));
  return s + ((even << 16) >> 16) + (even >> 16) + ((odd << 16) >> 16) + (odd >> 16);
}

#include "tensor/kernels/int8_quads.inl"

}  // namespace jielong::baseline
