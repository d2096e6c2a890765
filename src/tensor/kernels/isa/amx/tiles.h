#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/kernels/inline.h"

// The AMX tile registers. Written as assembly because the compilers' own functions do not
// tell them which memory a tile reads.
namespace jielong::amx {

/// The shape of the tile registers: C (16 rows, 16 int32 or f32) in 0 … 3, A (16 rows, `depth`
/// bytes) in 4 and 7, B (depth / 4 rows, 64 bytes) in 5 and 6.
struct alignas(64) TileShapes {
  std::uint8_t palette = 1, start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};

  JIELONG_KERNEL_MEMBER explicit TileShapes(int depth) {
    for (int t = 0; t < 8; ++t) {
      const bool a = t == 4 || t == 7, b = t == 5 || t == 6;
      row_bytes[t] = static_cast<std::uint16_t>(a ? depth : 64);
      rows[t] = static_cast<std::uint8_t>(b ? depth / 4 : 16);
    }
  }
};

/// Holds the tile registers for one scope. Leaving them unused afterwards keeps context
/// switches cheap.
class TileScope {
 public:
  JIELONG_KERNEL_MEMBER explicit TileScope(int depth) {
    const TileShapes shapes(depth);
    asm volatile("ldtilecfg %0" ::"m"(shapes));
  }
  JIELONG_KERNEL_MEMBER ~TileScope() { asm volatile("tilerelease" ::: "memory"); }
  TileScope(const TileScope&) = delete;
  TileScope& operator=(const TileScope&) = delete;
};

template <int t>
JIELONG_KERNEL void tile_zero() {
  asm volatile("tilezero %%tmm%c0" ::"i"(t));
}
/// Rows of tile t from p, `stride` bytes apart.
template <int t>
JIELONG_KERNEL void tile_load(const void* p, std::size_t stride) {
  asm volatile("tileloadd (%1,%2,1), %%tmm%c0" ::"i"(t), "r"(p), "r"(stride) : "memory");
}
/// Tile t to rows `stride` bytes apart.
template <int t>
JIELONG_KERNEL void tile_store(void* p, std::size_t stride = 64) {
  asm volatile("tilestored %%tmm%c0, (%1,%2,1)" ::"i"(t), "r"(p), "r"(stride) : "memory");
}
/// C += A · B, int8 by int8.
template <int c, int a, int b>
JIELONG_KERNEL void tile_dot() {
  asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(c), "i"(a), "i"(b));
}
/// C += A · B, pairs of bf16 into f32.
template <int c, int a, int b>
JIELONG_KERNEL void tile_dot_bf16() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(c), "i"(a), "i"(b));
}

}  // namespace jielong::amx
