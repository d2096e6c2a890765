#pragma once

#include "tensor/pass.h"

namespace jielong {

/// sum += x, both (rows, channels).
void add(Pass& pass, const Tensor& x, const Tensor& sum);

}  // namespace jielong
