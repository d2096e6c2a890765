#pragma once

#include "tensor/ops/project.h"
#include "tensor/tape.h"

namespace jielong {

/// Carries dL/dy (rows, out) through y = x · Wᵀ + bias: into the gradients of weight and bias, and
/// into dx (rows, in).
void linear_backward(Pass& pass, const Linear& linear, const Tensor& x, const Tensor& dy,
                     const Tape::Sum& dx);

}  // namespace jielong
