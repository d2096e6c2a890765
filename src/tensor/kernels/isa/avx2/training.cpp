#include "tensor/kernels/isa/avx2/floats.h"
#include "tensor/update.h"
#include "tensor/vector_backward.h"

namespace jielong::avx2 {

// Each needs those before it.
// clang-format off
#include "tensor/kernels/math.inl"
#include "tensor/kernels/rows.inl"
#include "tensor/kernels/vector_backward.inl"
#include "tensor/kernels/update.inl"
// clang-format on

}  // namespace jielong::avx2
