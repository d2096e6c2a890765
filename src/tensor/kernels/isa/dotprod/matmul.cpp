#include "tensor/kernels/isa/dotprod/int8.h"
#include "tensor/kernels/matmul_kernels.h"
#include "tensor/kernels/matmul_layout.h"

namespace jielong::dotprod {
#include "tensor/kernels/matmul.inl"
}  // namespace jielong::dotprod
