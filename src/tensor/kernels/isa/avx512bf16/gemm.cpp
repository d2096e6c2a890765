#include "tensor/kernels/gemm_kernels.h"
#include "tensor/kernels/isa/avx512/transpose.h"
#include "tensor/kernels/isa/avx512bf16/words.h"
#include "tensor/kernels/matmul_kernels.h"

namespace jielong::avx512bf16 {

#include "tensor/kernels/gemm_pack.inl"

#include "tensor/kernels/gemm.inl"

extern const GemmKernels gemm_kernels = {kernel_of<VectorEngine<FloatWords, 8, 3>>(),
                                         kernel_of<VectorEngine<avx512bf16::PairWords, 8, 3>>()};

}  // namespace jielong::avx512bf16
