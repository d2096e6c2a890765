#pragma once

#include "tensor/pass.h"

namespace jielong {

/// cap · tanh(x / cap): in place of x, or a new tensor when a tape records.
Tensor soft_cap(Pass& pass, float cap, const Tensor& x);

/// exp(x) / Σ exp(x) of each row: in place of x, or a new tensor when a tape records.
Tensor softmax(Pass& pass, const Tensor& x);

}  // namespace jielong
