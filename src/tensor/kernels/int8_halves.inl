// Sixteen integer lanes as two registers of 256 bits. The including namespace defines
// half_dot and half_dot_full.

struct Ints {
  __m256i a, b;
};
struct Words {
  __m256i a, b;
};
struct Bytes {
  __m256i a, b;
};

JIELONG_KERNEL __m256i half_load(const std::uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
JIELONG_KERNEL __m256i broadcast_four(const void* p) {
  std::int32_t four;
  __builtin_memcpy(&four, p, 4);
  return _mm256_set1_epi32(four);
}

JIELONG_KERNEL Bytes load_bytes(const std::uint8_t* p) { return {half_load(p), half_load(p + 32)}; }
JIELONG_KERNEL void store_bytes(std::uint8_t* p, Bytes x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x.a);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 32), x.b);
}
JIELONG_KERNEL Bytes bytes(int c) {
  const __m256i x = _mm256_set1_epi8(static_cast<char>(c));
  return {x, x};
}
JIELONG_KERNEL Bytes operator&(Bytes x, Bytes y) {
  return {_mm256_and_si256(x.a, y.a), _mm256_and_si256(x.b, y.b)};
}
JIELONG_KERNEL Bytes operator|(Bytes x, Bytes y) {
  return {_mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b)};
}
JIELONG_KERNEL Bytes add_bytes(Bytes x, Bytes y) {
  return {_mm256_add_epi8(x.a, y.a), _mm256_add_epi8(x.b, y.b)};
}
template <int n>
JIELONG_KERNEL Bytes shift_left(Bytes x) {
  return {_mm256_slli_epi16(x.a, n), _mm256_slli_epi16(x.b, n)};
}
template <int n>
JIELONG_KERNEL Bytes shift_right(Bytes x) {
  return {_mm256_srli_epi16(x.a, n), _mm256_srli_epi16(x.b, n)};
}
JIELONG_KERNEL Bytes lookup(Bytes i, const std::uint8_t* table) {
  const __m256i wide =
      _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)));
  return {_mm256_shuffle_epi8(wide, i.a), _mm256_shuffle_epi8(wide, i.b)};
}

JIELONG_KERNEL Ints dot(Ints s, Bytes w, const std::int8_t* four) {
  const __m256i x = broadcast_four(four);
  return {half_dot(s.a, w.a, x), half_dot(s.b, w.b, x)};
}
JIELONG_KERNEL Ints dot_full(Ints s, Bytes w, const std::int8_t* four) {
  const __m256i x = broadcast_four(four);
  return {half_dot_full(s.a, w.a, x), half_dot_full(s.b, w.b, x)};
}

JIELONG_KERNEL Ints load_ints(const std::int32_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 8))};
}
JIELONG_KERNEL void store_ints(std::int32_t* p, Ints x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x.a);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 8), x.b);
}
JIELONG_KERNEL Ints splat_int(std::int32_t i) {
  const __m256i x = _mm256_set1_epi32(i);
  return {x, x};
}
JIELONG_KERNEL Ints zero_ints() { return splat_int(0); }
JIELONG_KERNEL Ints operator+(Ints x, Ints y) {
  return {_mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b)};
}
JIELONG_KERNEL Ints operator-(Ints x, Ints y) {
  return {_mm256_sub_epi32(x.a, y.a), _mm256_sub_epi32(x.b, y.b)};
}
template <int n>
JIELONG_KERNEL Ints shift_left(Ints x) {
  return {_mm256_slli_epi32(x.a, n), _mm256_slli_epi32(x.b, n)};
}
template <int n>
JIELONG_KERNEL Ints shift_right(Ints x) {
  return {_mm256_srai_epi32(x.a, n), _mm256_srai_epi32(x.b, n)};
}
JIELONG_KERNEL Ints mul_add(Ints s, Ints x, Ints y) {
  return {_mm256_add_epi32(s.a, _mm256_mullo_epi32(x.a, y.a)),
          _mm256_add_epi32(s.b, _mm256_mullo_epi32(x.b, y.b))};
}
/// The high words of a factor must not count: those of the other are sign bits.
JIELONG_KERNEL Ints small_factor(Ints x) {
  const __m256i low = _mm256_set1_epi32(0xffff);
  return {_mm256_and_si256(x.a, low), _mm256_and_si256(x.b, low)};
}
JIELONG_KERNEL Ints mul_add_small(Ints s, Ints x, Ints y) {
  return {_mm256_add_epi32(s.a, _mm256_madd_epi16(x.a, y.a)),
          _mm256_add_epi32(s.b, _mm256_madd_epi16(x.b, y.b))};
}

JIELONG_KERNEL Words widen_signed(const std::uint8_t* p) {
  return {_mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
          _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16)))};
}
JIELONG_KERNEL Words widen_unsigned(const std::uint8_t* p) {
  return {_mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
          _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16)))};
}
JIELONG_KERNEL Words low_nibbles(Words w) {
  const __m256i m = _mm256_set1_epi16(15);
  return {_mm256_and_si256(w.a, m), _mm256_and_si256(w.b, m)};
}
JIELONG_KERNEL Words high_nibbles(Words w) {
  return {_mm256_srli_epi16(w.a, 4), _mm256_srli_epi16(w.b, 4)};
}
JIELONG_KERNEL Ints even(Words w) {
  return {_mm256_srai_epi32(_mm256_slli_epi32(w.a, 16), 16),
          _mm256_srai_epi32(_mm256_slli_epi32(w.b, 16), 16)};
}
JIELONG_KERNEL Ints odd(Words w) {
  return {_mm256_srai_epi32(w.a, 16), _mm256_srai_epi32(w.b, 16)};
}
JIELONG_KERNEL Ints dot_pairs(Ints s, Words w, const std::int16_t* two) {
  const __m256i x = broadcast_four(two);
  return {_mm256_add_epi32(s.a, _mm256_madd_epi16(w.a, x)),
          _mm256_add_epi32(s.b, _mm256_madd_epi16(w.b, x))};
}

JIELONG_KERNEL Floats to_floats(Ints x) {
  return {_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)};
}
