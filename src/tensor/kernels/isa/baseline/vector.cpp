#include "tensor/vector.h"

#include "tensor/kernels/isa/baseline/floats.h"

namespace jielong::baseline {

// Each needs those before it.
// clang-format off
#include "tensor/kernels/math.inl"
#include "tensor/kernels/rows.inl"
#include "tensor/kernels/vector.inl"
// clang-format on

}  // namespace jielong::baseline
