#include "tensor/vector.h"

#include "tensor/kernels/isa/avx2/floats.h"

namespace jielong::avx2 {
#include "tensor/kernels/math.inl"
#include "tensor/kernels/vector.inl"
}  // namespace jielong::avx2
