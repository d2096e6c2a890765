#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "base/random.h"

namespace jielong {

/// Uniform in [−reach, reach).
inline std::vector<float> random_floats(std::size_t count, std::uint64_t seed, float reach = 2) {
  Rng rng(seed);
  std::vector<float> x(count);
  for (float& v : x) v = (static_cast<float>(rng.uniform()) * 2 - 1) * reach;
  return x;
}

inline std::vector<double> widened(std::span<const float> x) { return {x.begin(), x.end()}; }

/// Σ x[i] · y[i]: a loss whose gradient along y is x.
inline double weighted(std::span<const float> x, std::span<const double> y) {
  double sum = 0;
  for (std::size_t i = 0; i < y.size(); ++i) sum += static_cast<double>(x[i]) * y[i];
  return sum;
}

/// Checks `gradient` against central differences of loss(x), f64 at x, for every `every`-th
/// element. The bound is relative to the largest slope, because sums of f32 are.
template <typename Loss>
void expect_slopes(std::vector<double> x, const Loss& loss, std::span<const float> gradient,
                   double bound = 3e-6, std::size_t every = 1) {
  constexpr double kStep = 1e-5;
  ASSERT_EQ(x.size(), gradient.size());
  std::vector<double> slopes(x.size());
  double largest = 0.1;
  for (std::size_t i = 0; i < x.size(); i += every) {
    const double at = x[i];
    x[i] = at + kStep;
    const double above = loss(x);
    x[i] = at - kStep;
    slopes[i] = (above - loss(x)) / (2 * kStep);
    x[i] = at;
    largest = std::max(largest, std::abs(slopes[i]));
  }
  for (std::size_t i = 0; i < x.size(); i += every) {
    EXPECT_NEAR(static_cast<double>(gradient[i]), slopes[i], bound * largest) << "element " << i;
  }
}

}  // namespace jielong
