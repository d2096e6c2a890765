#pragma once

#include <cstdint>

#include "tensor/gemm.h"
#include "tensor/matmul.h"

namespace jielong {

/// A part of a product, as the kernels see it: the elements of c in rows × columns. Ranges and
/// k are not empty.
struct GemmTask {
  Factor a, b;
  std::int64_t k;
  float* c;  ///< (m, n), `stride` floats from row to row
  std::int64_t stride;
  bool accumulate;
  Range rows, columns;
  bool stream;  ///< c is not needed soon, and too large for caches
};

/// The product in one precision; parts with borders on multiples of rows × columns lose no speed.
struct GemmKernel {
  void (*multiply)(const GemmTask& task);
  std::int64_t rows, columns;
};

/// What src/tensor/kernels/gemm.inl gives for one instruction set.
struct GemmKernels {
  GemmKernel f32, bf16;
};

#define JIELONG_DECLARE_GEMM(isa)        \
  namespace isa {                        \
  extern const GemmKernels gemm_kernels; \
  }
JIELONG_DECLARE_GEMM(baseline)
JIELONG_DECLARE_GEMM(avx2)
JIELONG_DECLARE_GEMM(avx512)
JIELONG_DECLARE_GEMM(avx512bf16)
JIELONG_DECLARE_GEMM(amx)
JIELONG_DECLARE_GEMM(neon)
#undef JIELONG_DECLARE_GEMM

}  // namespace jielong
