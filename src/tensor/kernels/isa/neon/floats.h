#pragma once

#include <arm_neon.h>

#include <cstdint>

#include "tensor/kernels/inline.h"

// Armv8 Advanced SIMD.
namespace jielong::neon {

typedef float Quad __attribute__((vector_size(16)));
typedef std::int32_t QuadBits __attribute__((vector_size(16)));

JIELONG_KERNEL Quad quad_fma(Quad x, Quad y, Quad z) {
  return (Quad)vfmaq_f32((float32x4_t)z, (float32x4_t)x, (float32x4_t)y);
}
JIELONG_KERNEL Quad quad_fnma(Quad x, Quad y, Quad z) {
  return (Quad)vfmsq_f32((float32x4_t)z, (float32x4_t)x, (float32x4_t)y);
}
JIELONG_KERNEL Quad quad_min(Quad x, Quad y) {
  return (Quad)vminq_f32((float32x4_t)x, (float32x4_t)y);
}
JIELONG_KERNEL Quad quad_max(Quad x, Quad y) {
  return (Quad)vmaxq_f32((float32x4_t)x, (float32x4_t)y);
}

#include "tensor/kernels/floats_quads.inl"

JIELONG_KERNEL Quad quad_load_f16(const std::uint16_t* p) {
  return (Quad)vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}
JIELONG_KERNEL void quad_store_f16(std::uint16_t* p, Quad x) {
  vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32((float32x4_t)x)));
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

}  // namespace jielong::neon
