#include "tensor/reference/vector.h"

#include <algorithm>
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

double soft_cap(double cap, double x) { return cap * std::tanh(x / cap); }

std::vector<double> rms_norm(std::span<const double> x, std::span<const double> gain, double eps) {
  double squares = 0;
  for (const double v : x) squares += v * v;
  const double factor = 1 / std::sqrt(squares / static_cast<double>(x.size()) + eps);
  std::vector<double> y(x.begin(), x.end());
  for (std::size_t i = 0; i < y.size(); ++i) y[i] *= factor * (gain.empty() ? 1 : gain[i]);
  return y;
}

std::vector<double> layer_norm(std::span<const double> x, std::span<const double> gain,
                               std::span<const double> bias, double eps) {
  double mean = 0;
  for (const double v : x) mean += v / static_cast<double>(x.size());
  std::vector<double> centered(x.begin(), x.end());
  for (double& v : centered) v -= mean;
  std::vector<double> y = rms_norm(centered, gain, eps);
  for (std::size_t i = 0; i < bias.size(); ++i) y[i] += bias[i];
  return y;
}

std::vector<double> softmax(std::span<const double> x) {
  std::vector<double> y(x.begin(), x.end());
  const double top = *std::max_element(y.begin(), y.end());
  double sum = 0;
  for (double& v : y) sum += v = std::exp(v - top);
  for (double& v : y) v /= sum;
  return y;
}

double cross_entropy(std::span<const double> logits, std::int64_t target) {
  return -std::log(softmax(logits)[static_cast<std::size_t>(target)]);
}

}  // namespace jielong::reference
