#pragma once

#include "tensor/pass.h"
#include "tensor/weight.h"

namespace jielong {

/// gain ⊙ x row by row, a new tensor. gain is (channels).
Tensor scale_channels(Pass& pass, const WeightVector& gain, const Tensor& x);

}  // namespace jielong
