#include "tensor/peaks.h"

#include <algorithm>
#include <cstdint>

#include "tensor/isa.h"

#if defined(__x86_64__) && defined(__linux__)
#define JIELONG_X86_PROBES 1
#else
#define JIELONG_X86_PROBES 0
#endif

namespace jielong {
namespace {

#if JIELONG_X86_PROBES

constexpr std::int64_t kRounds = 200000, kTileRounds = kRounds / 10;

// Twelve sums hide the latency of either port. All start as zero, because subnormal numbers are
// slow.
#define JIELONG_TWELVE(instruction, register, factors) \
#instruction " " factors ", %%" #register "0\n " #instruction " " factors ", %%" #register \
  "1\n " #instruction " " factors ", %%" #register "2\n " #instruction " " factors          \
  ", %%" #register "3\n " #instruction " " factors ", %%" #register "4\n " #instruction     \
  " " factors ", %%" #register "5\n " #instruction " " factors ", %%" #register             \
  "6\n " #instruction " " factors ", %%" #register "7\n " #instruction " " factors          \
  ", %%" #register "8\n " #instruction " " factors ", %%" #register "9\n " #instruction     \
  " " factors ", %%" #register "10\n " #instruction " " factors ", %%" #register "11\n"
#define JIELONG_PROBE(name, features, instruction, register, factors)                            \
  [[gnu::target(features)]] void name() {                                                        \
    asm volatile("vzeroall" ::: "xmm14", "xmm15");                                               \
    for (std::int64_t i = 0; i < kRounds; ++i) {                                                 \
      asm volatile(JIELONG_TWELVE(instruction, register, factors)::                              \
                       : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", \
                         "xmm9", "xmm10", "xmm11", "xmm14", "xmm15");                            \
    }                                                                                            \
  }
JIELONG_PROBE(int8_vectors, "avx512f,avx512vnni", vpdpbusd, zmm, "%%zmm15, %%zmm14")
JIELONG_PROBE(f32_wide, "avx512f", vfmadd231ps, zmm, "%%zmm15, %%zmm14")
JIELONG_PROBE(f32_narrow, "avx2,fma", vfmadd231ps, ymm, "%%ymm15, %%ymm14")
JIELONG_PROBE(bf16_vectors, "avx512f,avx512bf16", vdpbf16ps, zmm, "%%zmm15, %%zmm14")
#undef JIELONG_PROBE
#undef JIELONG_TWELVE

struct alignas(64) TileConfig {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

/// 16 × 16 × 64 bytes an instruction, in four sums.
#define JIELONG_TILE_PROBE(name, features, instruction)                 \
  [[gnu::target("amx-tile," features)]] void name() {                   \
    const TileConfig config;                                            \
    asm volatile("ldtilecfg %0" ::"m"(config));                         \
    for (std::int64_t i = 0; i < kTileRounds; ++i) {                    \
      asm volatile(instruction " %%tmm7, %%tmm6, %%tmm0\n " instruction \
                               " %%tmm7, %%tmm5, %%tmm1\n " instruction \
                               " %%tmm4, %%tmm6, %%tmm2\n " instruction \
                               " %%tmm4, %%tmm5, %%tmm3\n" ::           \
                                   : "memory");                         \
    }                                                                   \
    asm volatile("tilerelease");                                        \
  }
JIELONG_TILE_PROBE(int8_tiles, "amx-int8", "tdpbusd")
JIELONG_TILE_PROBE(bf16_tiles, "amx-bf16", "tdpbf16ps")
#undef JIELONG_TILE_PROBE

#endif

}  // namespace

Peaks measure_peaks(ThreadPool& pool) {
  Peaks peaks;
#if JIELONG_X86_PROBES
  const auto rate = [&](Isa isa, void (*probe)(), std::int64_t products) {
    if (!can_run(isa)) return 0.0;
    return static_cast<double>(products) * pool.size() /
           best_seconds(pool, [&](int, int) { probe(); });
  };
  constexpr std::int64_t kVectors = kRounds * 12, kTiles = kTileRounds * 4 * 16 * 16;
  peaks.int8_vectors = rate(Isa::avx512, int8_vectors, kVectors * 64);
  peaks.f32 = std::max(rate(Isa::avx512, f32_wide, kVectors * 16),
                       rate(Isa::avx2, f32_narrow, kVectors * 8));
  peaks.bf16_vectors = rate(Isa::avx512bf16, bf16_vectors, kVectors * 32);
  peaks.int8_tiles = rate(Isa::amx, int8_tiles, kTiles * 64);
  peaks.bf16_tiles = rate(Isa::amx, bf16_tiles, kTiles * 32);
#else
  static_cast<void>(pool);
#endif
  return peaks;
}

}  // namespace jielong
