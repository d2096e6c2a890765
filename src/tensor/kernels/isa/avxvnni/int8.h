#pragma once

#include <immintrin.h>

#include <cstdint>

#include "tensor/kernels/inline.h"
#include "tensor/kernels/isa/avxvnni/floats.h"

// AVX2 with int8 dot products. The meaning of every function is in tensor/kernels/int8.md.
namespace jielong::avxvnni {

constexpr bool kBiased = true;
constexpr int kFewRows = 2;
constexpr int kTileRows = 4, kTilePanels = 1;

JIELONG_KERNEL __m256i half_dot(__m256i s, __m256i w, __m256i x) {
  return _mm256_dpbusd_avx_epi32(s, w, x);
}
JIELONG_KERNEL __m256i half_dot_full(__m256i s, __m256i w, __m256i x) { return half_dot(s, w, x); }

#include "tensor/kernels/int8_halves.inl"

}  // namespace jielong::avxvnni
