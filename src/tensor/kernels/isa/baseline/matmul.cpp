#include "tensor/kernels/isa/baseline/int8.h"
#include "tensor/kernels/matmul_kernels.h"
#include "tensor/kernels/matmul_layout.h"

namespace jielong::baseline {

#include "tensor/kernels/matmul.inl"

#include "tensor/kernels/matmul_vectors.inl"

#include "tensor/kernels/matmul_table.inl"

}  // namespace jielong::baseline
