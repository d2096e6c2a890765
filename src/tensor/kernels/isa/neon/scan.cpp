#include "tensor/kernels/scan_kernels.h"

#include "tensor/kernels/isa/neon/floats.h"

namespace jielong::neon {
#include "tensor/kernels/math.inl"
#include "tensor/kernels/scan.inl"
}  // namespace jielong::neon
