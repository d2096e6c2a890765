#include "tensor/kernels/isa/baseline/int8.h"
#include "tensor/kernels/matmul_kernels.h"
#include "tensor/kernels/matmul_layout.h"

namespace jielong::baseline {
#include "tensor/kernels/matmul.inl"
}  // namespace jielong::baseline
