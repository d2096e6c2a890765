#include "tensor/kernels/scan_kernels.h"

#include "tensor/kernels/isa/avx512/floats.h"

namespace jielong::avx512 {
#include "tensor/kernels/math.inl"
#include "tensor/kernels/scan.inl"
}  // namespace jielong::avx512
