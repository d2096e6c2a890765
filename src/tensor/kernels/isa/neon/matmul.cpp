#include "tensor/kernels/isa/neon/int8.h"
#include "tensor/kernels/matmul_kernels.h"
#include "tensor/kernels/matmul_layout.h"

namespace jielong::neon {

#include "tensor/kernels/matmul.inl"

#include "tensor/kernels/matmul_vectors.inl"

#include "tensor/kernels/matmul_table.inl"

}  // namespace jielong::neon
