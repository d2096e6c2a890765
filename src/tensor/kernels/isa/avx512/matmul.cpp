#include "tensor/kernels/isa/avx512/int8.h"
#include "tensor/kernels/matmul_kernels.h"
#include "tensor/kernels/matmul_layout.h"

namespace jielong::avx512 {
#include "tensor/kernels/matmul.inl"
}  // namespace jielong::avx512
