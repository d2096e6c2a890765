#pragma once

#include "tensor/kernels/scan_kernels.h"
#include "tensor/pass.h"

namespace jielong {

/// f(x), a new tensor.
Tensor squash(Pass& pass, Squash function, const Tensor& x);

/// f(open) ⊙ x, a new tensor. With one channel in `open`, it gates all of x's.
Tensor gate(Pass& pass, Squash function, const Tensor& open, const Tensor& x);

}  // namespace jielong
