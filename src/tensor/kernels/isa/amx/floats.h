#pragma once

#include "tensor/kernels/isa/avx512/floats.h"

namespace jielong::amx {
using namespace avx512;
}
