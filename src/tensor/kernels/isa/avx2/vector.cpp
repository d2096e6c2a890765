#include "tensor/vector.h"

#include "tensor/kernels/isa/avx2/floats.h"

namespace jielong::avx2 {

// Each needs those before it.
// clang-format off
#include "tensor/kernels/math.inl"
#include "tensor/kernels/rows.inl"
#include "tensor/kernels/vector.inl"
// clang-format on

}  // namespace jielong::avx2
