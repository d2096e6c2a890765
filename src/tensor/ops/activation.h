#pragma once

#include "tensor/pass.h"
#include "tensor/vector.h"

namespace jielong {

/// activation(x): in place of x, or a new tensor when a tape records.
Tensor activate(Pass& pass, Activation activation, const Tensor& x);

/// activation(gate) ⊙ up, all (rows, channels): in place of `gate`, or a new tensor when a tape
/// records. Nothing else may read gate and up.
Tensor activate_gated(Pass& pass, Activation activation, const Tensor& gate, const Tensor& up);

}  // namespace jielong
