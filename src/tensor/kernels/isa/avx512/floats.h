#pragma once

#include <immintrin.h>

#include <cstdint>

#include "tensor/kernels/inline.h"

// AVX-512: sixteen f32 lanes are one register. The meaning of every function is in
// tensor/kernels/floats.md.
namespace jielong::avx512 {

constexpr int kLanes = 16;

struct Floats {
  __m512 v;
};
struct Mask {
  __mmask16 v;
};

JIELONG_KERNEL Mask first(std::int64_t n) {
  return {static_cast<__mmask16>(n >= 16 ? 0xffffu : (1u << n) - 1u)};
}

JIELONG_KERNEL Floats splat(float x) { return {_mm512_set1_ps(x)}; }
JIELONG_KERNEL Floats zero() { return {_mm512_setzero_ps()}; }
JIELONG_KERNEL Floats load(const float* p) { return {_mm512_loadu_ps(p)}; }
JIELONG_KERNEL Floats load_first(const float* p, std::int64_t n) {
  return {_mm512_maskz_loadu_ps(first(n).v, p)};
}
JIELONG_KERNEL void store(float* p, Floats x) { _mm512_storeu_ps(p, x.v); }
JIELONG_KERNEL void stream(float* p, Floats x) { _mm512_stream_ps(p, x.v); }
JIELONG_KERNEL void finish_streams() { _mm_sfence(); }
JIELONG_KERNEL void store_first(float* p, Floats x, std::int64_t n) {
  _mm512_mask_storeu_ps(p, first(n).v, x.v);
}

JIELONG_KERNEL Floats operator+(Floats a, Floats b) { return {_mm512_add_ps(a.v, b.v)}; }
JIELONG_KERNEL Floats operator-(Floats a, Floats b) { return {_mm512_sub_ps(a.v, b.v)}; }
JIELONG_KERNEL Floats operator*(Floats a, Floats b) { return {_mm512_mul_ps(a.v, b.v)}; }
JIELONG_KERNEL Floats operator/(Floats a, Floats b) { return {_mm512_div_ps(a.v, b.v)}; }
JIELONG_KERNEL Floats fma(Floats a, Floats b, Floats c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
JIELONG_KERNEL Floats fnma(Floats a, Floats b, Floats c) {
  return {_mm512_fnmadd_ps(a.v, b.v, c.v)};
}
JIELONG_KERNEL float fma(float a, float b, float c) {
  return _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c)));
}
JIELONG_KERNEL Floats min(Floats a, Floats b) { return {_mm512_min_ps(a.v, b.v)}; }
JIELONG_KERNEL Floats max(Floats a, Floats b) { return {_mm512_max_ps(a.v, b.v)}; }
JIELONG_KERNEL Floats abs(Floats a) { return {_mm512_abs_ps(a.v)}; }
JIELONG_KERNEL Floats copy_sign(Floats magnitude, Floats sign) {
  // 0xca: where the first operand's bit is set take the second's, else the third's.
  return {_mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_set1_epi32(0x7fffffff),
                                                        _mm512_castps_si512(magnitude.v),
                                                        _mm512_castps_si512(sign.v), 0xca))};
}
JIELONG_KERNEL Floats round(Floats a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
JIELONG_KERNEL Floats sqrt(Floats a) { return {_mm512_sqrt_ps(a.v)}; }
JIELONG_KERNEL Floats scale_exponent(Floats a, Floats n) { return {_mm512_scalef_ps(a.v, n.v)}; }

JIELONG_KERNEL Mask less(Floats a, Floats b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
JIELONG_KERNEL Floats select(Mask m, Floats a, Floats b) {
  return {_mm512_mask_blend_ps(m.v, b.v, a.v)};
}

JIELONG_KERNEL Floats reciprocal(Floats a) {
  // 14 bits and one Newton step: a third of the time of a division.
  const __m512 r = _mm512_rcp14_ps(a.v);
  return {_mm512_fmadd_ps(r, _mm512_fnmadd_ps(a.v, r, _mm512_set1_ps(1)), r)};
}

JIELONG_KERNEL Floats load_f16(const std::uint16_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
JIELONG_KERNEL void store_f16(std::uint16_t* p, Floats x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtps_ph(x.v, _MM_FROUND_TO_NEAREST_INT));
}
JIELONG_KERNEL Floats load_bf16(const std::uint16_t* p) {
  const __m512i wide =
      _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
}
JIELONG_KERNEL void store_bf16(std::uint16_t* p, Floats x) {
  const __m512i bits = _mm512_castps_si512(x.v);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  const __mmask16 nan = _mm512_cmp_ps_mask(x.v, x.v, _CMP_UNORD_Q);
  const __m512i chosen = _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x400000));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtepi32_epi16(_mm512_srli_epi32(chosen, 16)));
}
JIELONG_KERNEL Floats load_i8(const std::int8_t* p) {
  return {_mm512_cvtepi32_ps(
      _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
}
JIELONG_KERNEL void store_i8(std::int8_t* p, Floats x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(x.v)));
}

JIELONG_KERNEL float sum(Floats x) {
  const __m256 a = _mm256_add_ps(_mm512_castps512_ps256(x.v), _mm512_extractf32x8_ps(x.v, 1));
  __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  b = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}
JIELONG_KERNEL float largest(Floats x) {
  const __m256 a = _mm256_max_ps(_mm512_castps512_ps256(x.v), _mm512_extractf32x8_ps(x.v, 1));
  __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  b = _mm_max_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_max_ss(b, _mm_movehdup_ps(b)));
}

JIELONG_KERNEL void load_pairs(const float* p, Floats& even, Floats& odd) {
  const __m512i evens =
      _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512 a = _mm512_loadu_ps(p), b = _mm512_loadu_ps(p + 16);
  even.v = _mm512_permutex2var_ps(a, evens, b);
  odd.v = _mm512_permutex2var_ps(a, _mm512_add_epi32(evens, _mm512_set1_epi32(1)), b);
}
JIELONG_KERNEL void store_pairs(float* p, Floats even, Floats odd) {
  const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
  _mm512_storeu_ps(p, _mm512_permutex2var_ps(even.v, low, odd.v));
  _mm512_storeu_ps(p + 16, _mm512_permutex2var_ps(even.v, high, odd.v));
}

struct Doubles {
  __m512d a, b;
};
JIELONG_KERNEL Doubles no_doubles() { return {_mm512_setzero_pd(), _mm512_setzero_pd()}; }
JIELONG_KERNEL Doubles operator+(Doubles s, Floats x) {
  return {_mm512_add_pd(s.a, _mm512_cvtps_pd(_mm512_castps512_ps256(x.v))),
          _mm512_add_pd(s.b, _mm512_cvtps_pd(_mm512_extractf32x8_ps(x.v, 1)))};
}
JIELONG_KERNEL double sum(Doubles s) {
  const __m512d a = _mm512_add_pd(s.a, s.b);
  const __m256d b = _mm256_add_pd(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd(a, 1));
  const __m128d c = _mm_add_pd(_mm256_castpd256_pd128(b), _mm256_extractf128_pd(b, 1));
  return _mm_cvtsd_f64(_mm_add_sd(c, _mm_unpackhi_pd(c, c)));
}

}  // namespace jielong::avx512
