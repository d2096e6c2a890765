#pragma once

#include "tensor/kernels/isa/neon/floats.h"

namespace jielong::i8mm {
using namespace neon;
}
