#pragma once

#include <immintrin.h>

#include <cstdint>

#include "tensor/kernels/inline.h"

// AVX2 with FMA and F16C: sixteen f32 lanes are two registers. The meaning of every
// function is in tensor/kernels/floats.md.
namespace jielong::avx2 {

constexpr int kLanes = 16;

struct Floats {
  __m256 a, b;  // lanes 0–7 and 8–15
};
struct Mask {
  __m256i a, b;
};

JIELONG_KERNEL Mask first(std::int64_t n) {
  const __m256i count = _mm256_set1_epi32(static_cast<int>(n));
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return {_mm256_cmpgt_epi32(count, lanes),
          _mm256_cmpgt_epi32(count, _mm256_add_epi32(lanes, _mm256_set1_epi32(8)))};
}

JIELONG_KERNEL Floats splat(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
JIELONG_KERNEL Floats zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
JIELONG_KERNEL Floats load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
JIELONG_KERNEL Floats load_first(const float* p, std::int64_t n) {
  const Mask m = first(n);
  return {_mm256_maskload_ps(p, m.a), _mm256_maskload_ps(p + 8, m.b)};
}
JIELONG_KERNEL void store(float* p, Floats x) {
  _mm256_storeu_ps(p, x.a);
  _mm256_storeu_ps(p + 8, x.b);
}
JIELONG_KERNEL void stream(float* p, Floats x) {
  _mm256_stream_ps(p, x.a);
  _mm256_stream_ps(p + 8, x.b);
}
JIELONG_KERNEL void finish_streams() { _mm_sfence(); }
JIELONG_KERNEL void store_first(float* p, Floats x, std::int64_t n) {
  const Mask m = first(n);
  _mm256_maskstore_ps(p, m.a, x.a);
  _mm256_maskstore_ps(p + 8, m.b, x.b);
}

JIELONG_KERNEL Floats operator+(Floats x, Floats y) {
  return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)};
}
JIELONG_KERNEL Floats operator-(Floats x, Floats y) {
  return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)};
}
JIELONG_KERNEL Floats operator*(Floats x, Floats y) {
  return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)};
}
JIELONG_KERNEL Floats operator/(Floats x, Floats y) {
  return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)};
}
JIELONG_KERNEL Floats fma(Floats x, Floats y, Floats z) {
  return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
JIELONG_KERNEL Floats fnma(Floats x, Floats y, Floats z) {
  return {_mm256_fnmadd_ps(x.a, y.a, z.a), _mm256_fnmadd_ps(x.b, y.b, z.b)};
}
JIELONG_KERNEL float fma(float x, float y, float z) {
  return _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(x), _mm_set_ss(y), _mm_set_ss(z)));
}
JIELONG_KERNEL Floats min(Floats x, Floats y) {
  return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)};
}
JIELONG_KERNEL Floats max(Floats x, Floats y) {
  return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)};
}
JIELONG_KERNEL Floats abs(Floats x) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(sign, x.a), _mm256_andnot_ps(sign, x.b)};
}
JIELONG_KERNEL Floats copy_sign(Floats magnitude, Floats sign) {
  const __m256 bit = _mm256_set1_ps(-0.0f);
  return {_mm256_or_ps(_mm256_andnot_ps(bit, magnitude.a), _mm256_and_ps(bit, sign.a)),
          _mm256_or_ps(_mm256_andnot_ps(bit, magnitude.b), _mm256_and_ps(bit, sign.b))};
}
JIELONG_KERNEL Floats round(Floats x) {
  constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(x.a, kNearest), _mm256_round_ps(x.b, kNearest)};
}
JIELONG_KERNEL Floats sqrt(Floats x) { return {_mm256_sqrt_ps(x.a), _mm256_sqrt_ps(x.b)}; }
/// x · 2ⁿ in two steps, so that the factors stay representable.
JIELONG_KERNEL __m256 scale_exponent(__m256 x, __m256 n) {
  const __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
  const __m256i bias = _mm256_set1_epi32(127);
  const __m256i low = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
  const __m256i high = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(whole, half), bias), 23);
  return _mm256_mul_ps(_mm256_mul_ps(x, _mm256_castsi256_ps(low)), _mm256_castsi256_ps(high));
}
JIELONG_KERNEL Floats scale_exponent(Floats x, Floats n) {
  return {scale_exponent(x.a, n.a), scale_exponent(x.b, n.b)};
}

JIELONG_KERNEL Mask less(Floats x, Floats y) {
  return {_mm256_castps_si256(_mm256_cmp_ps(x.a, y.a, _CMP_LT_OQ)),
          _mm256_castps_si256(_mm256_cmp_ps(x.b, y.b, _CMP_LT_OQ))};
}
JIELONG_KERNEL Floats select(Mask m, Floats x, Floats y) {
  return {_mm256_blendv_ps(y.a, x.a, _mm256_castsi256_ps(m.a)),
          _mm256_blendv_ps(y.b, x.b, _mm256_castsi256_ps(m.b))};
}

JIELONG_KERNEL Floats reciprocal(Floats x) { return splat(1) / x; }

JIELONG_KERNEL Floats load_f16(const std::uint16_t* p) {
  const __m128i* half = reinterpret_cast<const __m128i*>(p);
  return {_mm256_cvtph_ps(_mm_loadu_si128(half)), _mm256_cvtph_ps(_mm_loadu_si128(half + 1))};
}
JIELONG_KERNEL void store_f16(std::uint16_t* p, Floats x) {
  __m128i* half = reinterpret_cast<__m128i*>(p);
  _mm_storeu_si128(half, _mm256_cvtps_ph(x.a, _MM_FROUND_TO_NEAREST_INT));
  _mm_storeu_si128(half + 1, _mm256_cvtps_ph(x.b, _MM_FROUND_TO_NEAREST_INT));
}
JIELONG_KERNEL __m256 widen_bf16(__m128i brain) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(brain), 16));
}
JIELONG_KERNEL Floats load_bf16(const std::uint16_t* p) {
  const __m128i* brain = reinterpret_cast<const __m128i*>(p);
  return {widen_bf16(_mm_loadu_si128(brain)), widen_bf16(_mm_loadu_si128(brain + 1))};
}
/// The upper halves of x rounded to nearest even, in the low 16 bits of each lane.
JIELONG_KERNEL __m256i narrow_bf16(__m256 x) {
  const __m256i bits = _mm256_castps_si256(x);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
  return _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, nan), 16);
}
JIELONG_KERNEL void store_bf16(std::uint16_t* p, Floats x) {
  const __m256i packed = _mm256_packus_epi32(narrow_bf16(x.a), narrow_bf16(x.b));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(packed, 0xd8));
}
JIELONG_KERNEL Floats load_i8(const std::int8_t* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)),
          _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_unpackhi_epi64(bytes, bytes)))};
}
JIELONG_KERNEL void store_i8(std::int8_t* p, Floats x) {
  const __m256i words = _mm256_permute4x64_epi64(
      _mm256_packs_epi32(_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b)), 0xd8);
  _mm_storeu_si128(
      reinterpret_cast<__m128i*>(p),
      _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
}

JIELONG_KERNEL float sum(Floats x) {
  const __m256 a = _mm256_add_ps(x.a, x.b);
  __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  b = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}
JIELONG_KERNEL float largest(Floats x) {
  const __m256 a = _mm256_max_ps(x.a, x.b);
  __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  b = _mm_max_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_max_ss(b, _mm_movehdup_ps(b)));
}

/// Splits 16 floats into the 8 at even and the 8 at odd places.
JIELONG_KERNEL void split_pairs(__m256 low, __m256 high, __m256& even, __m256& odd) {
  const __m256 e = _mm256_shuffle_ps(low, high, 0x88), o = _mm256_shuffle_ps(low, high, 0xdd);
  even = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(e), 0xd8));
  odd = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(o), 0xd8));
}
JIELONG_KERNEL void load_pairs(const float* p, Floats& even, Floats& odd) {
  split_pairs(_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8), even.a, odd.a);
  split_pairs(_mm256_loadu_ps(p + 16), _mm256_loadu_ps(p + 24), even.b, odd.b);
}
JIELONG_KERNEL void join_pairs(float* p, __m256 even, __m256 odd) {
  const __m256 low = _mm256_unpacklo_ps(even, odd), high = _mm256_unpackhi_ps(even, odd);
  _mm256_storeu_ps(p, _mm256_permute2f128_ps(low, high, 0x20));
  _mm256_storeu_ps(p + 8, _mm256_permute2f128_ps(low, high, 0x31));
}
JIELONG_KERNEL void store_pairs(float* p, Floats even, Floats odd) {
  join_pairs(p, even.a, odd.a);
  join_pairs(p + 16, even.b, odd.b);
}

struct Doubles {
  __m256d a, b, c, d;
};
JIELONG_KERNEL Doubles no_doubles() {
  const __m256d z = _mm256_setzero_pd();
  return {z, z, z, z};
}
JIELONG_KERNEL Doubles operator+(Doubles s, Floats x) {
  return {_mm256_add_pd(s.a, _mm256_cvtps_pd(_mm256_castps256_ps128(x.a))),
          _mm256_add_pd(s.b, _mm256_cvtps_pd(_mm256_extractf128_ps(x.a, 1))),
          _mm256_add_pd(s.c, _mm256_cvtps_pd(_mm256_castps256_ps128(x.b))),
          _mm256_add_pd(s.d, _mm256_cvtps_pd(_mm256_extractf128_ps(x.b, 1)))};
}
JIELONG_KERNEL double sum(Doubles s) {
  const __m256d a = _mm256_add_pd(_mm256_add_pd(s.a, s.c), _mm256_add_pd(s.b, s.d));
  const __m128d b = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
  return _mm_cvtsd_f64(_mm_add_sd(b, _mm_unpackhi_pd(b, b)));
}

}  // namespace jielong::avx2
