#pragma once

#include <immintrin.h>

#include <cstdint>

#include "tensor/kernels/inline.h"
#include "tensor/kernels/isa/avx512/floats.h"

// AVX-512 with VNNI. The meaning of every function is in tensor/kernels/int8.md.
namespace jielong::avx512 {

constexpr bool kBiased = true;
constexpr int kFewRows = 4;
constexpr int kTileRows = 6, kTilePanels = 2;

struct Ints {
  __m512i v;
};
struct Words {
  __m512i v;
};
struct Bytes {
  __m512i v;
};

JIELONG_KERNEL std::int32_t load_four(const std::int8_t* p) {
  std::int32_t four;
  __builtin_memcpy(&four, p, 4);
  return four;
}

JIELONG_KERNEL Bytes load_bytes(const std::uint8_t* p) { return {_mm512_loadu_si512(p)}; }
JIELONG_KERNEL void store_bytes(std::uint8_t* p, Bytes x) { _mm512_storeu_si512(p, x.v); }
JIELONG_KERNEL Bytes bytes(int c) { return {_mm512_set1_epi8(static_cast<char>(c))}; }
JIELONG_KERNEL Bytes operator&(Bytes a, Bytes b) { return {_mm512_and_si512(a.v, b.v)}; }
JIELONG_KERNEL Bytes operator|(Bytes a, Bytes b) { return {_mm512_or_si512(a.v, b.v)}; }
JIELONG_KERNEL Bytes add_bytes(Bytes a, Bytes b) { return {_mm512_add_epi8(a.v, b.v)}; }
template <int n>
JIELONG_KERNEL Bytes shift_left(Bytes a) {
  return {_mm512_slli_epi16(a.v, n)};
}
template <int n>
JIELONG_KERNEL Bytes shift_right(Bytes a) {
  return {_mm512_srli_epi16(a.v, n)};
}
JIELONG_KERNEL Bytes lookup(Bytes i, const std::uint8_t* table) {
  const __m128i small = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
  return {_mm512_shuffle_epi8(_mm512_broadcast_i32x4(small), i.v)};
}

JIELONG_KERNEL Ints dot(Ints s, Bytes w, const std::int8_t* four) {
  return {_mm512_dpbusd_epi32(s.v, w.v, _mm512_set1_epi32(load_four(four)))};
}
JIELONG_KERNEL Ints dot_full(Ints s, Bytes w, const std::int8_t* four) { return dot(s, w, four); }

JIELONG_KERNEL Ints load_ints(const std::int32_t* p) { return {_mm512_loadu_si512(p)}; }
JIELONG_KERNEL void store_ints(std::int32_t* p, Ints x) { _mm512_storeu_si512(p, x.v); }
JIELONG_KERNEL Ints zero_ints() { return {_mm512_setzero_si512()}; }
JIELONG_KERNEL Ints splat_int(std::int32_t i) { return {_mm512_set1_epi32(i)}; }
JIELONG_KERNEL Ints operator+(Ints a, Ints b) { return {_mm512_add_epi32(a.v, b.v)}; }
JIELONG_KERNEL Ints operator-(Ints a, Ints b) { return {_mm512_sub_epi32(a.v, b.v)}; }
template <int n>
JIELONG_KERNEL Ints shift_left(Ints a) {
  return {_mm512_slli_epi32(a.v, n)};
}
template <int n>
JIELONG_KERNEL Ints shift_right(Ints a) {
  return {_mm512_srai_epi32(a.v, n)};
}
JIELONG_KERNEL Ints mul_add(Ints s, Ints a, Ints b) {
  return {_mm512_add_epi32(s.v, _mm512_mullo_epi32(a.v, b.v))};
}
/// The high words of a factor must not count: those of the other are sign bits.
JIELONG_KERNEL Ints small_factor(Ints b) {
  return {_mm512_and_si512(b.v, _mm512_set1_epi32(0xffff))};
}
JIELONG_KERNEL Ints mul_add_small(Ints s, Ints a, Ints b) {
  return {_mm512_dpwssd_epi32(s.v, a.v, b.v)};
}

JIELONG_KERNEL Words widen_signed(const std::uint8_t* p) {
  return {_mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
JIELONG_KERNEL Words widen_unsigned(const std::uint8_t* p) {
  return {_mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
JIELONG_KERNEL Words low_nibbles(Words w) { return {_mm512_and_si512(w.v, _mm512_set1_epi16(15))}; }
JIELONG_KERNEL Words high_nibbles(Words w) { return {_mm512_srli_epi16(w.v, 4)}; }
JIELONG_KERNEL Ints even(Words w) { return {_mm512_srai_epi32(_mm512_slli_epi32(w.v, 16), 16)}; }
JIELONG_KERNEL Ints odd(Words w) { return {_mm512_srai_epi32(w.v, 16)}; }
JIELONG_KERNEL Ints dot_pairs(Ints s, Words w, const std::int16_t* two) {
  std::int32_t pair;
  __builtin_memcpy(&pair, two, 4);
  return {_mm512_dpwssd_epi32(s.v, w.v, _mm512_set1_epi32(pair))};
}

JIELONG_KERNEL Floats to_floats(Ints i) { return {_mm512_cvtepi32_ps(i.v)}; }

}  // namespace jielong::avx512
