#pragma once

#include "tensor/kernels/isa/neon/floats.h"

namespace jielong::dotprod {
using namespace neon;
}
