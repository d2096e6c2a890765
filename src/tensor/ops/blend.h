#pragma once

#include "tensor/pass.h"
#include "tensor/weight.h"

namespace jielong {

/// (1 − λ) · x + λ · other, both (rows, channels), a new tensor; λ is the only value of `share`,
/// which is learned like every other parameter.
Tensor blend(Pass& pass, const WeightVector& share, const Tensor& x, const Tensor& other);

}  // namespace jielong
