#include "tensor/vector.h"

#include "tensor/kernels/isa/baseline/floats.h"

namespace jielong::baseline {
#include "tensor/kernels/math.inl"
#include "tensor/kernels/vector.inl"
}  // namespace jielong::baseline
