#include "tensor/vector.h"

#include "tensor/kernels/isa/neon/floats.h"

namespace jielong::neon {
#include "tensor/kernels/math.inl"
#include "tensor/kernels/vector.inl"
}  // namespace jielong::neon
