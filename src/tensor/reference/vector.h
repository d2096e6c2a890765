#pragma once

#include "tensor/vector.h"

namespace jielong::reference {

/// activation(x) in f64, by the definition.
double activate(Activation activation, double x);

}  // namespace jielong::reference
