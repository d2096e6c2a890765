#pragma once

#include "tensor/kernels/isa/amx/floats.h"
#include "tensor/kernels/isa/avx512/int8.h"
