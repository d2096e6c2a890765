// Sixteen f32 lanes as four 128-bit vectors, in the compilers' own vector notation.
// Included inside the namespace of an instruction set that has defined Quad, QuadBits,
// quad_fma, quad_fnma, quad_min and quad_max, and adds load_f16 and store_f16 afterwards. The
// meaning of every function is in tensor/kernels/floats.md.

constexpr int kLanes = 16;

struct Floats {
  Quad a, b, c, d;
};
struct Mask {
  QuadBits a, b, c, d;
};

JIELONG_KERNEL Quad quad_splat(float x) { return Quad{x, x, x, x}; }
JIELONG_KERNEL QuadBits quad_bits(std::int32_t x) { return QuadBits{x, x, x, x}; }
JIELONG_KERNEL Quad quad_load(const float* p) {
  Quad x;
  __builtin_memcpy(&x, p, sizeof x);
  return x;
}
JIELONG_KERNEL void quad_store(float* p, Quad x) { __builtin_memcpy(p, &x, sizeof x); }
JIELONG_KERNEL Quad quad_select(QuadBits m, Quad x, Quad y) {
  return (Quad)((m & (QuadBits)x) | (~m & (QuadBits)y));
}

JIELONG_KERNEL Mask first(std::int64_t n) {
  const QuadBits lanes = {0, 1, 2, 3};
  const std::int32_t count = static_cast<std::int32_t>(n);
  return {lanes < quad_bits(count), lanes < quad_bits(count - 4), lanes < quad_bits(count - 8),
          lanes < quad_bits(count - 12)};
}

JIELONG_KERNEL Floats splat(float x) {
  const Quad q = quad_splat(x);
  return {q, q, q, q};
}
JIELONG_KERNEL Floats zero() { return splat(0); }
JIELONG_KERNEL Floats load(const float* p) {
  return {quad_load(p), quad_load(p + 4), quad_load(p + 8), quad_load(p + 12)};
}
JIELONG_KERNEL void store(float* p, Floats x) {
  quad_store(p, x.a);
  quad_store(p + 4, x.b);
  quad_store(p + 8, x.c);
  quad_store(p + 12, x.d);
}
JIELONG_KERNEL void stream(float* p, Floats x) { store(p, x); }
JIELONG_KERNEL void finish_streams() {}
JIELONG_KERNEL Floats load_first(const float* p, std::int64_t n) {
  float lanes[kLanes] = {};
  for (std::int64_t i = 0; i < n; ++i) lanes[i] = p[i];
  return load(lanes);
}
JIELONG_KERNEL void store_first(float* p, Floats x, std::int64_t n) {
  float lanes[kLanes];
  store(lanes, x);
  for (std::int64_t i = 0; i < n; ++i) p[i] = lanes[i];
}

JIELONG_KERNEL Floats operator+(Floats x, Floats y) {
  return {x.a + y.a, x.b + y.b, x.c + y.c, x.d + y.d};
}
JIELONG_KERNEL Floats operator-(Floats x, Floats y) {
  return {x.a - y.a, x.b - y.b, x.c - y.c, x.d - y.d};
}
JIELONG_KERNEL Floats operator*(Floats x, Floats y) {
  return {x.a * y.a, x.b * y.b, x.c * y.c, x.d * y.d};
}
JIELONG_KERNEL Floats operator/(Floats x, Floats y) {
  return {x.a / y.a, x.b / y.b, x.c / y.c, x.d / y.d};
}
JIELONG_KERNEL Floats fma(Floats x, Floats y, Floats z) {
  return {quad_fma(x.a, y.a, z.a), quad_fma(x.b, y.b, z.b), quad_fma(x.c, y.c, z.c),
          quad_fma(x.d, y.d, z.d)};
}
JIELONG_KERNEL Floats fnma(Floats x, Floats y, Floats z) {
  return {quad_fnma(x.a, y.a, z.a), quad_fnma(x.b, y.b, z.b), quad_fnma(x.c, y.c, z.c),
          quad_fnma(x.d, y.d, z.d)};
}
JIELONG_KERNEL float fma(float x, float y, float z) {
  return quad_fma(quad_splat(x), quad_splat(y), quad_splat(z))[0];
}
JIELONG_KERNEL Floats min(Floats x, Floats y) {
  return {quad_min(x.a, y.a), quad_min(x.b, y.b), quad_min(x.c, y.c), quad_min(x.d, y.d)};
}
JIELONG_KERNEL Floats max(Floats x, Floats y) {
  return {quad_max(x.a, y.a), quad_max(x.b, y.b), quad_max(x.c, y.c), quad_max(x.d, y.d)};
}

constexpr std::int32_t kMagnitudeBits = 0x7fffffff;
JIELONG_KERNEL Quad quad_abs(Quad x) { return (Quad)((QuadBits)x & quad_bits(kMagnitudeBits)); }
JIELONG_KERNEL Quad quad_copy_sign(Quad magnitude, Quad sign) {
  return quad_select(quad_bits(kMagnitudeBits), magnitude, sign);
}
/// Adding and taking away 1.5 · 2²³ leaves no room for a fraction.
JIELONG_KERNEL Quad quad_round(Quad x) {
  const Quad shift = quad_splat(0x1.8p23f);
  return (x + shift) - shift;
}
/// x · 2ⁿ in two steps, so that the factors stay representable.
JIELONG_KERNEL Quad quad_scale_exponent(Quad x, Quad n) {
  const QuadBits whole = __builtin_convertvector(n, QuadBits), half = whole >> 1;
  const Quad low = (Quad)((half + quad_bits(127)) << 23);
  const Quad high = (Quad)((whole - half + quad_bits(127)) << 23);
  return x * low * high;
}
JIELONG_KERNEL Floats abs(Floats x) {
  return {quad_abs(x.a), quad_abs(x.b), quad_abs(x.c), quad_abs(x.d)};
}
JIELONG_KERNEL Floats copy_sign(Floats x, Floats y) {
  return {quad_copy_sign(x.a, y.a), quad_copy_sign(x.b, y.b), quad_copy_sign(x.c, y.c),
          quad_copy_sign(x.d, y.d)};
}
JIELONG_KERNEL Floats round(Floats x) {
  return {quad_round(x.a), quad_round(x.b), quad_round(x.c), quad_round(x.d)};
}
JIELONG_KERNEL Quad quad_sqrt(Quad x) {
  return Quad{__builtin_sqrtf(x[0]), __builtin_sqrtf(x[1]), __builtin_sqrtf(x[2]),
              __builtin_sqrtf(x[3])};
}
JIELONG_KERNEL Floats sqrt(Floats x) {
  return {quad_sqrt(x.a), quad_sqrt(x.b), quad_sqrt(x.c), quad_sqrt(x.d)};
}
JIELONG_KERNEL Floats scale_exponent(Floats x, Floats n) {
  return {quad_scale_exponent(x.a, n.a), quad_scale_exponent(x.b, n.b),
          quad_scale_exponent(x.c, n.c), quad_scale_exponent(x.d, n.d)};
}

JIELONG_KERNEL Mask less(Floats x, Floats y) {
  return {x.a < y.a, x.b < y.b, x.c < y.c, x.d < y.d};
}
JIELONG_KERNEL Floats select(Mask m, Floats x, Floats y) {
  return {quad_select(m.a, x.a, y.a), quad_select(m.b, x.b, y.b), quad_select(m.c, x.c, y.c),
          quad_select(m.d, x.d, y.d)};
}

JIELONG_KERNEL Floats reciprocal(Floats x) { return splat(1) / x; }

typedef std::uint16_t QuadHalves __attribute__((vector_size(8)));
typedef std::uint32_t QuadWords __attribute__((vector_size(16)));
typedef std::int8_t QuadBytes __attribute__((vector_size(4)));

JIELONG_KERNEL QuadBits quad_load_u16(const std::uint16_t* p) {
  QuadHalves halves;
  __builtin_memcpy(&halves, p, sizeof halves);
  return __builtin_convertvector(halves, QuadBits);
}
JIELONG_KERNEL void quad_store_u16(std::uint16_t* p, QuadBits x) {
  const QuadHalves halves = __builtin_convertvector(x, QuadHalves);
  __builtin_memcpy(p, &halves, sizeof halves);
}
JIELONG_KERNEL Quad quad_load_bf16(const std::uint16_t* p) {
  return (Quad)(quad_load_u16(p) << 16);
}
JIELONG_KERNEL void quad_store_bf16(std::uint16_t* p, Quad x) {
  const QuadWords bits = (QuadWords)x;
  const QuadBits rounded = (QuadBits)(bits + 0x7fffu + (bits >> 16 & 1u));
  const QuadBits quiet = (QuadBits)(bits | 0x400000u);
  const QuadBits nan = x != x;
  quad_store_u16(p, (QuadBits)((QuadWords)((nan & quiet) | (~nan & rounded)) >> 16));
}
JIELONG_KERNEL Floats load_bf16(const std::uint16_t* p) {
  return {quad_load_bf16(p), quad_load_bf16(p + 4), quad_load_bf16(p + 8), quad_load_bf16(p + 12)};
}
JIELONG_KERNEL void store_bf16(std::uint16_t* p, Floats x) {
  quad_store_bf16(p, x.a);
  quad_store_bf16(p + 4, x.b);
  quad_store_bf16(p + 8, x.c);
  quad_store_bf16(p + 12, x.d);
}
JIELONG_KERNEL Quad quad_load_i8(const std::int8_t* p) {
  QuadBytes bytes;
  __builtin_memcpy(&bytes, p, sizeof bytes);
  return __builtin_convertvector(__builtin_convertvector(bytes, QuadBits), Quad);
}
JIELONG_KERNEL void quad_store_i8(std::int8_t* p, Quad x) {
  const QuadBits whole = __builtin_convertvector(quad_round(x), QuadBits);
  const QuadBytes bytes = __builtin_convertvector(whole, QuadBytes);
  __builtin_memcpy(p, &bytes, sizeof bytes);
}
JIELONG_KERNEL Floats load_i8(const std::int8_t* p) {
  return {quad_load_i8(p), quad_load_i8(p + 4), quad_load_i8(p + 8), quad_load_i8(p + 12)};
}
JIELONG_KERNEL void store_i8(std::int8_t* p, Floats x) {
  quad_store_i8(p, x.a);
  quad_store_i8(p + 4, x.b);
  quad_store_i8(p + 8, x.c);
  quad_store_i8(p + 12, x.d);
}

JIELONG_KERNEL float sum(Floats x) {
  const Quad q = (x.a + x.c) + (x.b + x.d);
  return (q[0] + q[2]) + (q[1] + q[3]);
}
JIELONG_KERNEL float largest(Floats x) {
  const Quad q = quad_max(quad_max(x.a, x.c), quad_max(x.b, x.d));
  const float even = q[0] > q[2] ? q[0] : q[2], odd = q[1] > q[3] ? q[1] : q[3];
  return even > odd ? even : odd;
}

JIELONG_KERNEL void quad_load_pairs(const float* p, Quad& even, Quad& odd) {
  const Quad low = quad_load(p), high = quad_load(p + 4);
  even = __builtin_shufflevector(low, high, 0, 2, 4, 6);
  odd = __builtin_shufflevector(low, high, 1, 3, 5, 7);
}
JIELONG_KERNEL void load_pairs(const float* p, Floats& even, Floats& odd) {
  quad_load_pairs(p, even.a, odd.a);
  quad_load_pairs(p + 8, even.b, odd.b);
  quad_load_pairs(p + 16, even.c, odd.c);
  quad_load_pairs(p + 24, even.d, odd.d);
}
JIELONG_KERNEL void quad_store_pairs(float* p, Quad even, Quad odd) {
  quad_store(p, __builtin_shufflevector(even, odd, 0, 4, 1, 5));
  quad_store(p + 4, __builtin_shufflevector(even, odd, 2, 6, 3, 7));
}
JIELONG_KERNEL void store_pairs(float* p, Floats even, Floats odd) {
  quad_store_pairs(p, even.a, odd.a);
  quad_store_pairs(p + 8, even.b, odd.b);
  quad_store_pairs(p + 16, even.c, odd.c);
  quad_store_pairs(p + 24, even.d, odd.d);
}

struct Doubles {
  double lanes[kLanes];
};
JIELONG_KERNEL Doubles no_doubles() { return {}; }
JIELONG_KERNEL Doubles operator+(Doubles s, Floats x) {
  float lanes[kLanes];
  store(lanes, x);
  for (int i = 0; i < kLanes; ++i) s.lanes[i] += static_cast<double>(lanes[i]);
  return s;
}
JIELONG_KERNEL double sum(Doubles s) {
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) s.lanes[i] += s.lanes[i + half];
  }
  return s.lanes[0];
}
