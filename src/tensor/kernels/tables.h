#pragma once

#include "tensor/kernels/attention_kernels.h"
#include "tensor/kernels/scan_kernels.h"
#include "tensor/kernels/sequence_attention_kernels.h"
#include "tensor/update.h"
#include "tensor/vector.h"
#include "tensor/vector_backward.h"

/// The tables of float kernels, one set for every instruction set that is worth its own.
/// tensor/kernels/tables.cpp says which processor gets which.
namespace jielong {

struct FloatKernels {
  const VectorKernels* vector;
  const AttentionKernels* attention;
  const BackwardKernels* backward;
  const UpdateKernels* update;
  const SequenceAttentionKernels* sequence_attention;
  const ScanKernels* scan;
};

/// Of the active instruction set.
const FloatKernels& float_kernels();

#define JIELONG_DECLARE_FLOAT_KERNELS(isa)                          \
  namespace isa {                                                   \
  extern const VectorKernels vector_kernels;                        \
  extern const AttentionKernels attention_kernels;                  \
  extern const BackwardKernels backward_kernels;                    \
  extern const UpdateKernels update_kernels;                        \
  extern const SequenceAttentionKernels sequence_attention_kernels; \
  extern const ScanKernels scan_kernels;                            \
  }
JIELONG_DECLARE_FLOAT_KERNELS(baseline)
JIELONG_DECLARE_FLOAT_KERNELS(avx2)
JIELONG_DECLARE_FLOAT_KERNELS(avx512)
JIELONG_DECLARE_FLOAT_KERNELS(neon)
#undef JIELONG_DECLARE_FLOAT_KERNELS

}  // namespace jielong
