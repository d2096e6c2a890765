#include "tensor/kernels/isa/avx2/int8.h"
#include "tensor/kernels/matmul_kernels.h"
#include "tensor/kernels/matmul_layout.h"

namespace jielong::avx2 {
#include "tensor/kernels/matmul.inl"
}  // namespace jielong::avx2
