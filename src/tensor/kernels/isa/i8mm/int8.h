#pragma once

#include "tensor/kernels/isa/dotprod/int8.h"
#include "tensor/kernels/isa/i8mm/floats.h"

// The outer products of i8mm want rows side by side; its dot products serve here.
namespace jielong::i8mm {
using namespace dotprod;
}
