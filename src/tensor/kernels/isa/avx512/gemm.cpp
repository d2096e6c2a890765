#include "tensor/kernels/gemm_kernels.h"
#include "tensor/kernels/isa/avx512/floats.h"
#include "tensor/kernels/isa/avx512/transpose.h"
#include "tensor/kernels/matmul_kernels.h"

namespace jielong::avx512 {

#include "tensor/kernels/gemm_pack.inl"

#include "tensor/kernels/gemm.inl"

extern const GemmKernels gemm_kernels = {kernel_of<VectorEngine<FloatWords, 8, 3>>(),
                                         kernel_of<VectorEngine<RoundedWords, 8, 3>>()};

}  // namespace jielong::avx512
