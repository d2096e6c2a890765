#include "tensor/reference/vector.h"

#include <cmath>
#include <numbers>

namespace jielong::reference {

double activate(Activation activation, double x) {
  switch (activation) {
    case Activation::silu: return x / (1 + std::exp(-x));
    case Activation::gelu_tanh: {
      const double u = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
      return x / (1 + std::exp(-2 * u));  // ½·x·(1 + tanh u)
    }
    case Activation::gelu_erf: return 0.5 * x * std::erfc(-x / std::numbers::sqrt2);
    case Activation::relu: return x > 0 ? x : 0;
    case Activation::relu_squared: return x > 0 ? x * x : 0;
  }
  return x;
}

}  // namespace jielong::reference
