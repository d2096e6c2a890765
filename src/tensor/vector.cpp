#include "tensor/vector.h"

#include "tensor/kernels/tables.h"

namespace jielong {

const VectorKernels& vectors() { return *float_kernels().vector; }

}  // namespace jielong
