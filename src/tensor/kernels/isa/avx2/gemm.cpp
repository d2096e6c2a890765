#include "tensor/kernels/gemm_kernels.h"
#include "tensor/kernels/isa/avx2/floats.h"
#include "tensor/kernels/isa/avx2/transpose.h"
#include "tensor/kernels/matmul_kernels.h"

namespace jielong::avx2 {

#include "tensor/kernels/gemm_pack.inl"

#include "tensor/kernels/gemm.inl"

extern const GemmKernels gemm_kernels = {kernel_of<VectorEngine<FloatWords, 6, 1>>(),
                                         kernel_of<VectorEngine<RoundedWords, 6, 1>>()};

}  // namespace jielong::avx2
