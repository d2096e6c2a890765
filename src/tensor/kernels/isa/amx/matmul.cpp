#include "tensor/kernels/isa/amx/int8.h"
#include "tensor/kernels/matmul_kernels.h"
#include "tensor/kernels/matmul_layout.h"

namespace jielong::amx {
#include "tensor/kernels/matmul.inl"
}  // namespace jielong::amx
