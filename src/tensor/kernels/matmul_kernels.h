#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"
#include "tensor/matmul.h"

namespace jielong {

/// One multiplication, as the kernels see it. Ranges are valid and not empty.
struct MatmulTask {
  const std::byte* weights;  ///< (panels, panel_bytes)
  std::size_t panel_bytes;
  std::int64_t out, in;
  const std::byte* rows;  ///< (rows, row_bytes)
  std::size_t row_bytes;
  float* y;  ///< (rows, out), `stride` floats from row to row
  std::int64_t stride;
  Range row_range, panel_range;
  bool accumulate;
};

/// Memory of this thread, cache-line aligned, at least so many bytes; valid until the next call.
std::byte* matmul_scratch(std::size_t bytes);

inline constexpr std::size_t kDTypes = static_cast<std::size_t>(DType::iq4_xs) + 1;

/// What src/tensor/kernels/matmul.inl gives for one instruction set.
struct MatmulKernels {
  /// By DType; null where the format cannot be multiplied.
  void (*multiply[kDTypes])(const MatmulTask& task);
  /// Converts one row of `in` floats, by RowFormat.
  void (*convert[3])(const float* x, std::int64_t in, std::byte* row);
  /// Whether 8-bit weights are stored plus 128, as unsigned bytes (the x86 dot product
  /// wants one unsigned side), or as they are.
  bool biased;
};

#define JIELONG_DECLARE_MATMUL(isa)          \
  namespace isa {                            \
  extern const MatmulKernels matmul_kernels; \
  }
JIELONG_DECLARE_MATMUL(baseline)
JIELONG_DECLARE_MATMUL(avx2)
JIELONG_DECLARE_MATMUL(avxvnni)
JIELONG_DECLARE_MATMUL(avx512)
JIELONG_DECLARE_MATMUL(amx)
JIELONG_DECLARE_MATMUL(neon)
JIELONG_DECLARE_MATMUL(dotprod)
JIELONG_DECLARE_MATMUL(i8mm)
#undef JIELONG_DECLARE_MATMUL

}  // namespace jielong
