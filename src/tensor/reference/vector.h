#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/vector.h"

/// Operations of VectorKernels on one row in f64, by the definition. Finite differences of these
/// are what BackwardKernels are tested against.
namespace jielong::reference {

double activate(Activation activation, double x);
/// cap · tanh(x / cap).
double soft_cap(double cap, double x);
/// The gain may be empty: all ones.
std::vector<double> rms_norm(std::span<const double> x, std::span<const double> gain, double eps);
/// Gain and bias may be empty.
std::vector<double> layer_norm(std::span<const double> x, std::span<const double> gain,
                               std::span<const double> bias, double eps);
std::vector<double> softmax(std::span<const double> x);
/// −log softmax(logits)[target].
double cross_entropy(std::span<const double> logits, std::int64_t target);

}  // namespace jielong::reference
