#include "tensor/kernels/gemm_kernels.h"
#include "tensor/kernels/isa/baseline/floats.h"
#include "tensor/kernels/matmul_kernels.h"

namespace jielong::baseline {

#include "tensor/kernels/transpose_quads.inl"

#include "tensor/kernels/gemm_pack.inl"

#include "tensor/kernels/gemm.inl"

extern const GemmKernels gemm_kernels = {kernel_of<VectorEngine<FloatWords, 2, 1>>(),
                                         kernel_of<VectorEngine<RoundedWords, 2, 1>>()};

}  // namespace jielong::baseline
