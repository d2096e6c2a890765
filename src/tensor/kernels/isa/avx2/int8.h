#pragma once

#include <immintrin.h>

#include <cstdint>

#include "tensor/kernels/inline.h"
#include "tensor/kernels/isa/avx2/floats.h"

// AVX2. The meaning of every function is in tensor/kernels/int8.md.
namespace jielong::avx2 {

constexpr bool kBiased = false;
constexpr int kFewRows = 2;
constexpr int kTileRows = 4, kTilePanels = 1;

/// The byte product saturates at 16 bits; for w ≤ 127 two products cannot reach that.
JIELONG_KERNEL __m256i half_dot(__m256i s, __m256i w, __m256i x) {
  const __m256i pairs = _mm256_maddubs_epi16(w, x);
  return _mm256_add_epi32(s, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
/// |w| · (x with the sign of w): |w| ≤ 128 as an unsigned byte, so again nothing saturates.
JIELONG_KERNEL __m256i half_dot_full(__m256i s, __m256i w, __m256i x) {
  return half_dot(s, _mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
}

#include "tensor/kernels/int8_halves.inl"

}  // namespace jielong::avx2
