#include "tensor/kernels/scan_kernels.h"

#include "tensor/kernels/isa/baseline/floats.h"

namespace jielong::baseline {
#include "tensor/kernels/math.inl"
#include "tensor/kernels/scan.inl"
}  // namespace jielong::baseline
