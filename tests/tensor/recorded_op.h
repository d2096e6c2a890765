#pragma once

#include <cstring>
#include <functional>
#include <span>
#include <vector>

#include "tensor/finite_differences.h"
#include "tensor/pass.h"
#include "tensor/tape.h"

namespace jielong {

/// Parameters, a tape and a pass to try a recorded op in.
struct Recording {
  explicit Recording(int threads = 2) : pool(threads) {}

  ThreadPool pool;
  Workspace workspace{pool};
  Parameters parameters;
  Tape tape{parameters};
  Pass pass{workspace, nullptr, &tape};

  /// A value of the pass that no op made, (rows, channels).
  Tensor value(std::int64_t rows, std::int64_t channels, std::span<const float> values) {
    const Tensor x = pass.empty(rows, channels);
    std::memcpy(x.data, values.data(), values.size() * sizeof(float));
    return x;
  }
  Weight weight(const char* name, std::int64_t out, std::int64_t in,
                std::span<const float> values) {
    Parameter& parameter = parameters.add(name, Parameter::Role::matrix, out, in);
    std::memcpy(parameter.values, values.data(), values.size() * sizeof(float));
    Weight result;
    result.name = name;
    result.out = out;
    result.in = in;
    result.stored = std::as_bytes(std::span<const float>(parameter.values, values.size()));
    return result;
  }
  WeightVector vector(const char* name, std::span<const float> values) {
    Parameter& parameter =
        parameters.add(name, Parameter::Role::vector, 1, static_cast<std::int64_t>(values.size()));
    std::memcpy(parameter.values, values.data(), values.size() * sizeof(float));
    return {name, {parameter.values, values.size()}, nullptr};
  }

  /// Differentiates Σ slopes · y.
  void backward(const Tensor& y, std::span<const float> slopes) {
    const Tape::Sum sum = tape.sum(y);
    ASSERT_TRUE(sum.first);
    std::memcpy(sum.tensor.data, slopes.data(), slopes.size() * sizeof(float));
    tape.backward();
  }
  /// dL/dx of a value that no op made.
  std::vector<float> gradient(const Tensor& x) const {
    const Tensor dx = tape.gradient(x);
    if (!dx) return {};
    return {dx.data, dx.data + dx.rows * dx.channels};
  }
  std::vector<float> gradient(const char* name) {
    const Parameter* parameter = parameters.find(name);
    return {parameter->gradient, parameter->gradient + parameter->count()};
  }
};

/// x (rows, in) · wᵀ (in, out) + bias (out, or none), in f64.
inline std::vector<double> linear_twin(std::span<const double> x, std::span<const double> w,
                                       std::span<const double> bias, std::size_t in) {
  const std::size_t rows = x.size() / in, out = w.size() / in;
  std::vector<double> y(rows * out);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t o = 0; o < out; ++o) {
      double sum = bias.empty() ? 0 : bias[o];
      for (std::size_t k = 0; k < in; ++k) sum += x[i * in + k] * w[o * in + k];
      y[i * out + o] = sum;
    }
  }
  return y;
}

inline void expect_values(std::span<const float> got, std::span<const double> expected,
                          double bound = 1e-5) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(got[i]), expected[i], bound * (1 + std::abs(expected[i])));
  }
}

inline std::span<const float> all(const Tensor& x) {
  return {x.data, static_cast<std::size_t>(x.rows * x.channels)};
}

}  // namespace jielong
