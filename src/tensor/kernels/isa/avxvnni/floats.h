#pragma once

#include "tensor/kernels/isa/avx2/floats.h"

namespace jielong::avxvnni {
using namespace avx2;
}
