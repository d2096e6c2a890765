// Sixteen integer lanes as four vectors of 128 bits, for instruction sets whose Floats are
// quads too (floats_quads.inl). The including namespace defines quad_dot and quad_lookup.

struct Ints {
  QuadBits a, b, c, d;
};
struct Words {
  QuadBits a, b, c, d;
};
struct Bytes {
  BytesQuad a, b, c, d;
};

JIELONG_KERNEL QuadBits quad_ints(std::int32_t i) { return QuadBits{i, i, i, i}; }
JIELONG_KERNEL QuadBits quad_load_ints(const std::uint8_t* p) {
  QuadBits x;
  __builtin_memcpy(&x, p, 16);
  return x;
}

JIELONG_KERNEL Bytes load_bytes(const std::uint8_t* p) {
  return {(BytesQuad)quad_load_ints(p), (BytesQuad)quad_load_ints(p + 16),
          (BytesQuad)quad_load_ints(p + 32), (BytesQuad)quad_load_ints(p + 48)};
}
JIELONG_KERNEL void store_bytes(std::uint8_t* p, Bytes x) { __builtin_memcpy(p, &x, 64); }
JIELONG_KERNEL Bytes bytes(int c) {
  const BytesQuad x = BytesQuad{} + static_cast<std::uint8_t>(c);
  return {x, x, x, x};
}
JIELONG_KERNEL Bytes operator&(Bytes x, Bytes y) {
  return {x.a & y.a, x.b & y.b, x.c & y.c, x.d & y.d};
}
JIELONG_KERNEL Bytes operator|(Bytes x, Bytes y) {
  return {x.a | y.a, x.b | y.b, x.c | y.c, x.d | y.d};
}
JIELONG_KERNEL Bytes add_bytes(Bytes x, Bytes y) {
  return {x.a + y.a, x.b + y.b, x.c + y.c, x.d + y.d};
}
template <int n>
JIELONG_KERNEL Bytes shift_left(Bytes x) {
  return {(BytesQuad)((HalvesQuad)x.a << n), (BytesQuad)((HalvesQuad)x.b << n),
          (BytesQuad)((HalvesQuad)x.c << n), (BytesQuad)((HalvesQuad)x.d << n)};
}
template <int n>
JIELONG_KERNEL Bytes shift_right(Bytes x) {
  return {(BytesQuad)((HalvesQuad)x.a >> n), (BytesQuad)((HalvesQuad)x.b >> n),
          (BytesQuad)((HalvesQuad)x.c >> n), (BytesQuad)((HalvesQuad)x.d >> n)};
}
JIELONG_KERNEL Bytes lookup(Bytes i, const std::uint8_t* table) {
  return {quad_lookup(i.a, table), quad_lookup(i.b, table), quad_lookup(i.c, table),
          quad_lookup(i.d, table)};
}

JIELONG_KERNEL Ints dot(Ints s, Bytes w, const std::int8_t* four) {
  std::int32_t bits;
  __builtin_memcpy(&bits, four, 4);
  const QuadBits x = quad_ints(bits);
  return {quad_dot(s.a, w.a, x), quad_dot(s.b, w.b, x), quad_dot(s.c, w.c, x),
          quad_dot(s.d, w.d, x)};
}
JIELONG_KERNEL Ints dot_full(Ints s, Bytes w, const std::int8_t* four) { return dot(s, w, four); }

JIELONG_KERNEL Ints load_ints(const std::int32_t* p) {
  Ints x;
  __builtin_memcpy(&x, p, 64);
  return x;
}
JIELONG_KERNEL void store_ints(std::int32_t* p, Ints x) { __builtin_memcpy(p, &x, 64); }
JIELONG_KERNEL Ints splat_int(std::int32_t i) {
  const QuadBits x = quad_ints(i);
  return {x, x, x, x};
}
JIELONG_KERNEL Ints zero_ints() { return splat_int(0); }
JIELONG_KERNEL Ints operator+(Ints x, Ints y) {
  return {x.a + y.a, x.b + y.b, x.c + y.c, x.d + y.d};
}
JIELONG_KERNEL Ints operator-(Ints x, Ints y) {
  return {x.a - y.a, x.b - y.b, x.c - y.c, x.d - y.d};
}
template <int n>
JIELONG_KERNEL Ints shift_left(Ints x) {
  // A product: shifting negative numbers is not what sanitizers like to see.
  constexpr std::int32_t factor = 1 << n;
  return {x.a * factor, x.b * factor, x.c * factor, x.d * factor};
}
template <int n>
JIELONG_KERNEL Ints shift_right(Ints x) {
  return {x.a >> n, x.b >> n, x.c >> n, x.d >> n};
}
JIELONG_KERNEL Ints mul_add(Ints s, Ints x, Ints y) {
  return {s.a + x.a * y.a, s.b + x.b * y.b, s.c + x.c * y.c, s.d + x.d * y.d};
}

JIELONG_KERNEL Words widen_signed(const std::uint8_t* p) {
  Words w;
  std::int16_t words[32];
  for (int i = 0; i < 32; ++i) words[i] = static_cast<std::int8_t>(p[i]);
  __builtin_memcpy(&w, words, 64);
  return w;
}
JIELONG_KERNEL Words widen_unsigned(const std::uint8_t* p) {
  Words w;
  std::int16_t words[32];
  for (int i = 0; i < 32; ++i) words[i] = p[i];
  __builtin_memcpy(&w, words, 64);
  return w;
}
JIELONG_KERNEL Words low_nibbles(Words w) {
  const QuadBits m = quad_ints(0x000f000f);
  return {w.a & m, w.b & m, w.c & m, w.d & m};
}
JIELONG_KERNEL Words high_nibbles(Words w) {
  const QuadBits m = quad_ints(0x000f000f);
  return {(w.a >> 4) & m, (w.b >> 4) & m, (w.c >> 4) & m, (w.d >> 4) & m};
}
JIELONG_KERNEL Ints even(Words w) {
  return {(w.a << 16) >> 16, (w.b << 16) >> 16, (w.c << 16) >> 16, (w.d << 16) >> 16};
}
JIELONG_KERNEL Ints odd(Words w) { return {w.a >> 16, w.b >> 16, w.c >> 16, w.d >> 16}; }
JIELONG_KERNEL Ints small_factor(Ints x) { return x; }
JIELONG_KERNEL Ints mul_add_small(Ints s, Ints x, Ints y) { return mul_add(s, x, y); }
JIELONG_KERNEL Ints dot_pairs(Ints s, Words w, const std::int16_t* two) {
  s = mul_add(s, even(w), splat_int(two[0]));
  return mul_add(s, odd(w), splat_int(two[1]));
}

JIELONG_KERNEL Floats to_floats(Ints x) {
  return {__builtin_convertvector(x.a, Quad), __builtin_convertvector(x.b, Quad),
          __builtin_convertvector(x.c, Quad), __builtin_convertvector(x.d, Quad)};
}
