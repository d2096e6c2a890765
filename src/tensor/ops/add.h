#pragma once

#include "tensor/pass.h"

namespace jielong {

/// sum + x, both (rows, channels): in place of `sum`, or a new tensor when a tape records.
Tensor add(Pass& pass, const Tensor& x, const Tensor& sum);

/// For backward steps: adds `gradient` (rows, channels) to dL/dvalue.
void add_gradient(Pass& pass, const Tensor& gradient, const Tensor& value);

}  // namespace jielong
