// What attention does to heads before it attends: rotation, norms, and mixing in the first values.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "tensor/finite_differences.h"
#include "tensor/ops/blend.h"
#include "tensor/ops/norm.h"
#include "tensor/ops/rope.h"
#include "tensor/reference/vector.h"
#include "tensor/tape.h"

namespace jielong {
namespace {

constexpr std::int64_t kRows = 5, kHeads = 3, kDim = 12, kWidth = kHeads * kDim;

/// A pass with a tape, and what the tests read and write of it.
struct Recording {
  ThreadPool pool{2};
  Workspace workspace{pool};
  Parameters parameters;
  Tape tape{parameters};
  Pass pass{workspace, nullptr, &tape};

  /// (kRows, kWidth), columns of something wider.
  Tensor tensor(const std::vector<float>& values) {
    const Tensor t = pass.empty(kRows, kWidth + 5).columns(2, kWidth);
    for (std::int64_t i = 0; i < kRows; ++i) {
      std::memcpy(t.row(i), values.data() + i * kWidth, kWidth * sizeof(float));
    }
    return t;
  }
  static std::vector<float> values(const Tensor& t) {
    std::vector<float> all;
    for (std::int64_t i = 0; i < t.rows; ++i) all.insert(all.end(), t.row(i), t.row(i) + kWidth);
    return all;
  }
  /// Runs back from dL/dy.
  void backward(const Tensor& y, const std::vector<float>& dy) {
    const Tensor into = tape.sum(y).tensor;
    std::memcpy(into.data, dy.data(), dy.size() * sizeof(float));
    tape.backward();
  }
  WeightVector vector(const char* name, const std::vector<float>& at) {
    Parameter& p =
        parameters.add(name, Parameter::Role::vector, 1, static_cast<std::int64_t>(at.size()));
    std::memcpy(p.values, at.data(), at.size() * sizeof(float));
    return {name, {p.values, at.size()}, nullptr};
  }
};

std::vector<float> some(std::uint64_t seed) {
  return random_floats(static_cast<std::size_t>(kRows * kWidth), seed);
}

/// The rotation of every head by the definition, in f64.
std::vector<double> rotated(const Rope& rope, std::span<const std::int64_t> positions,
                            const std::vector<double>& x) {
  std::vector<double> y = x;
  const std::int64_t pairs = rope.channels / 2;
  for (std::int64_t row = 0; row < kRows; ++row) {
    for (std::int64_t h = 0; h < kHeads; ++h) {
      for (std::int64_t i = 0; i < pairs; ++i) {
        const bool adjacent = rope.pairs == RopePairs::adjacent;
        const auto head = static_cast<std::size_t>(row * kWidth + h * kDim);
        const auto a = head + static_cast<std::size_t>(adjacent ? 2 * i : i);
        const auto b = head + static_cast<std::size_t>(adjacent ? 2 * i + 1 : i + pairs);
        const double angle = static_cast<double>(positions[static_cast<std::size_t>(row)]) *
                             static_cast<double>(rope.frequencies[static_cast<std::size_t>(i)]);
        const double c = std::cos(angle) * static_cast<double>(rope.magnitude),
                     s = std::sin(angle) * static_cast<double>(rope.magnitude);
        y[a] = x[a] * c - x[b] * s;
        y[b] = x[b] * c + x[a] * s;
      }
    }
  }
  return y;
}

TEST(Rotate, TurnsGradientsBack) {
  const std::vector<std::int64_t> positions = {0, 1, 2, 0, 7};
  for (const RopePairs layout : {RopePairs::adjacent, RopePairs::halves}) {
    for (const std::int64_t channels : {kDim, std::int64_t{8}}) {
      for (const int readers : {1, 2}) {
        Rope rope = make_rope(layout, channels, 100, {});
        rope.magnitude = 1.25f;
        Recording r;
        const RopeTable table = rope_table(r.pass, rope, positions);
        const std::vector<float> x = some(1), dy = some(2);
        const Tensor in = r.tensor(x);
        const Tensor y = rotate(r.pass, rope, table, in, kHeads);
        EXPECT_EQ(Recording::values(in), x);  // not in place
        const std::vector<double> expected = rotated(rope, positions, widened(x));
        const std::vector<float> got = Recording::values(y);
        for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 2e-6);
        if (readers == 2) {  // a second one of x, whose gradient is there before
          const Tensor again = rotate(r.pass, rope, table, in, kHeads);
          std::memcpy(r.tape.sum(again).tensor.data, dy.data(), dy.size() * sizeof(float));
        }
        r.backward(y, dy);
        expect_slopes(
            widened(x),
            [&](const auto& at) { return readers * weighted(dy, rotated(rope, positions, at)); },
            Recording::values(r.tape.gradient(in)));
      }
    }
  }
}

TEST(NormalizeHeads, HasTheSlopesOfEveryHead) {
  const std::vector<float> x = some(3), dy = some(4), gain = random_floats(kDim, 5);
  Recording r;
  Norm norm;
  norm.gain = r.vector("gain", gain);
  const Tensor in = r.tensor(x);
  const Tensor y = normalize(r.pass, norm, in, kHeads);
  const auto reference = [&](const std::vector<double>& at, const std::vector<double>& g) {
    std::vector<double> all;
    for (std::size_t i = 0; i < at.size(); i += kDim) {
      const auto head = reference::rms_norm(std::span(at).subspan(i, kDim), g, 1e-5);
      all.insert(all.end(), head.begin(), head.end());
    }
    return all;
  };
  const std::vector<double> expected = reference(widened(x), widened(gain));
  const std::vector<float> got = Recording::values(y);
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 3e-6);
  r.backward(y, dy);
  expect_slopes(
      widened(x), [&](const auto& at) { return weighted(dy, reference(at, widened(gain))); },
      Recording::values(r.tape.gradient(in)));
  const float* dgain = r.parameters.find("gain")->gradient;
  expect_slopes(
      widened(gain), [&](const auto& at) { return weighted(dy, reference(widened(x), at)); },
      std::vector<float>(dgain, dgain + kDim));
}

TEST(Blend, LearnsItsShare) {
  const std::vector<float> x = some(6), other = some(7), dy = some(8);
  Recording r;
  const WeightVector share = r.vector("share", {0.3f});
  const Tensor a = r.tensor(x), b = r.tensor(other);
  const Tensor y = blend(r.pass, share, a, b);
  const auto reference = [&](const std::vector<double>& p, const std::vector<double>& q,
                             double lambda) {
    std::vector<double> all(p.size());
    for (std::size_t i = 0; i < p.size(); ++i) all[i] = (1 - lambda) * p[i] + lambda * q[i];
    return all;
  };
  const double lambda = static_cast<double>(0.3f);
  const std::vector<double> expected = reference(widened(x), widened(other), lambda);
  const std::vector<float> got = Recording::values(y);
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-6);
  r.backward(y, dy);
  expect_slopes(
      widened(x),
      [&](const auto& at) { return weighted(dy, reference(at, widened(other), lambda)); },
      Recording::values(r.tape.gradient(a)));
  expect_slopes(
      widened(other),
      [&](const auto& at) { return weighted(dy, reference(widened(x), at, lambda)); },
      Recording::values(r.tape.gradient(b)));
  expect_slopes(
      {lambda},
      [&](const auto& at) { return weighted(dy, reference(widened(x), widened(other), at[0])); },
      std::vector<float>{r.parameters.find("share")->gradient[0]});
}

}  // namespace
}  // namespace jielong
