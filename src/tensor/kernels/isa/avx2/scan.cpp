#include "tensor/kernels/scan_kernels.h"

#include "tensor/kernels/isa/avx2/floats.h"

namespace jielong::avx2 {
#include "tensor/kernels/math.inl"
#include "tensor/kernels/scan.inl"
}  // namespace jielong::avx2
