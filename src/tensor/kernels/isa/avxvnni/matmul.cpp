#include "tensor/kernels/isa/avxvnni/int8.h"
#include "tensor/kernels/matmul_kernels.h"
#include "tensor/kernels/matmul_layout.h"

namespace jielong::avxvnni {
#include "tensor/kernels/matmul.inl"
}  // namespace jielong::avxvnni
