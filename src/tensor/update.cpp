#include "tensor/update.h"

#include "tensor/kernels/tables.h"

namespace jielong {

const UpdateKernels& update_vectors() { return *float_kernels().update; }

}  // namespace jielong
