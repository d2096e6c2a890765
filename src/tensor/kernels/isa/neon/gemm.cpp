#include "tensor/kernels/gemm_kernels.h"
#include "tensor/kernels/isa/neon/floats.h"
#include "tensor/kernels/matmul_kernels.h"

namespace jielong::neon {

#include "tensor/kernels/transpose_quads.inl"

#include "tensor/kernels/gemm_pack.inl"

#include "tensor/kernels/gemm.inl"

extern const GemmKernels gemm_kernels = {kernel_of<VectorEngine<FloatWords, 6, 1>>(),
                                         kernel_of<VectorEngine<RoundedWords, 6, 1>>()};

}  // namespace jielong::neon
