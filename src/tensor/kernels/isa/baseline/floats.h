#pragma once

#include <cstdint>

#include "tensor/kernels/inline.h"

// The platform's baseline, without intrinsics: SSE2 on x86-64.
namespace jielong::baseline {

typedef float Quad __attribute__((vector_size(16)));
typedef std::int32_t QuadBits __attribute__((vector_size(16)));

// SSE2 has no fused multiplication, and emulating it would cost a hundredfold.
JIELONG_KERNEL Quad quad_fma(Quad x, Quad y, Quad z) { return x * y + z; }
JIELONG_KERNEL Quad quad_fnma(Quad x, Quad y, Quad z) { return z - x * y; }
JIELONG_KERNEL Quad quad_min(Quad x, Quad y) {
  const QuadBits m = x < y;
  return (Quad)((m & (QuadBits)x) | (~m & (QuadBits)y));
}
JIELONG_KERNEL Quad quad_max(Quad x, Quad y) {
  const QuadBits m = x > y;
  return (Quad)((m & (QuadBits)x) | (~m & (QuadBits)y));
}

#include "tensor/kernels/floats_quads.inl"

/// Half to single: the exponent is rebased by a multiplication, which makes subnormals
/// right too; infinities and non-numbers get the full exponent back.
JIELONG_KERNEL Quad quad_load_f16(const std::uint16_t* p) {
  const QuadBits half = quad_load_u16(p);
  const QuadBits magnitude = half & quad_bits(0x7fff);
  const Quad value = (Quad)(magnitude << 13) * quad_splat(0x1p112f);
  const QuadBits special = (magnitude > quad_bits(0x7bff)) & quad_bits(0x7f800000);
  return (Quad)((QuadBits)value | special | (half & quad_bits(0x8000)) << 16);
}
/// Single to half, to nearest even; below 2⁻¹⁴ adding ½ lets the addition do the rounding.
JIELONG_KERNEL void quad_store_f16(std::uint16_t* p, Quad x) {
  const QuadBits magnitude = (QuadBits)quad_abs(x);
  const QuadBits odd = (magnitude >> 13) & quad_bits(1);
  const QuadBits normal = (magnitude + odd + quad_bits(0xfff - 0x38000000)) >> 13;
  const QuadBits small = (QuadBits)((Quad)magnitude + quad_splat(0.5f)) - quad_bits(0x3f000000);
  const QuadBits is_small = magnitude < quad_bits(0x38800000);
  const QuadBits is_large = magnitude > quad_bits(0x477fefff);
  const QuadBits is_nan = magnitude > quad_bits(0x7f800000);
  QuadBits half = (is_small & small) | (~is_small & normal);
  half = (is_large & quad_bits(0x7c00)) | (~is_large & half);
  half |= is_nan & quad_bits(0x0200);
  const QuadBits sign = (QuadBits)((QuadWords)x >> 16) & quad_bits(0x8000);
  quad_store_u16(p, half | sign);
}
JIELONG_KERNEL Floats load_f16(const std::uint16_t* p) {
  return {quad_load_f16(p), quad_load_f16(p + 4), quad_load_f16(p + 8), quad_load_f16(p + 12)};
}
JIELONG_KERNEL void store_f16(std::uint16_t* p, Floats x) {
  quad_store_f16(p, x.a);
  quad_store_f16(p + 4, x.b);
  quad_store_f16(p + 8, x.c);
  quad_store_f16(p + 12, x.d);
}

}  // namespace jielong::baseline
