// Recorded ops against naive twins in f64: their values, and their gradients against central
// differences of the twin. What torch says of them together: tests/model/gradients_test.cpp.

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "tensor/ops/activation.h"
#include "tensor/ops/cross_entropy.h"
#include "tensor/ops/embed.h"
#include "tensor/ops/mixture.h"
#include "tensor/ops/norm.h"
#include "tensor/ops/project.h"
#include "tensor/ops/rows.h"
#include "tensor/ops/scores.h"
#include "tensor/recorded_op.h"
#include "tensor/reference/mixture.h"
#include "tensor/reference/vector.h"

namespace jielong {
namespace {

constexpr std::int64_t kRows = 5, kIn = 19, kOut = 11;

std::vector<double> each_row(std::span<const double> x, std::int64_t channels,
                             const std::function<std::vector<double>(std::span<const double>)>& f) {
  std::vector<double> y;
  const auto n = static_cast<std::size_t>(channels);
  for (std::size_t i = 0; i < x.size(); i += n) {
    const std::vector<double> row = f(x.subspan(i, n));
    y.insert(y.end(), row.begin(), row.end());
  }
  return y;
}

TEST(RecordedOps, Project) {
  const auto x0 = random_floats(kRows * kIn, 1), w0 = random_floats(kOut * kIn, 2),
             b0 = random_floats(kOut, 3), w1 = random_floats(7 * kIn, 4),
             slopes0 = random_floats(kRows * kOut, 5), slopes1 = random_floats(kRows * 7, 6);
  Recording r;
  const Tensor x = r.value(kRows, kIn, x0);
  const Linear first{r.weight("w", kOut, kIn, w0), r.vector("b", b0)};
  const Linear second{r.weight("v", 7, kIn, w1), {}};
  // Outputs side by side, as queries, keys and values are.
  const Tensor both = r.pass.empty(kRows, kOut + 7);
  const Projection outputs[] = {{&first, both.columns(0, kOut)}, {&second, both.columns(kOut, 7)}};
  project(r.pass, nullptr, x, outputs);
  const auto twin = [&](const std::vector<double>& at) {
    return weighted(slopes0, linear_twin(at, widened(w0), widened(b0), kIn)) +
           weighted(slopes1, linear_twin(at, widened(w1), {}, kIn));
  };
  for (std::int64_t i = 0; i < kRows; ++i) {
    const auto row = std::span(x0).subspan(static_cast<std::size_t>(i * kIn), kIn);
    expect_values({outputs[0].y.row(i), kOut},
                  linear_twin(widened(row), widened(w0), widened(b0), kIn));
    expect_values({outputs[1].y.row(i), 7}, linear_twin(widened(row), widened(w1), {}, kIn));
  }
  const Tape::Sum sum = r.tape.sum(outputs[1].y);
  std::copy(slopes1.begin(), slopes1.end(), sum.tensor.data);
  r.backward(outputs[0].y, slopes0);
  expect_slopes(widened(x0), twin, r.gradient(x));
  expect_slopes(
      widened(w0),
      [&](const auto& w) {
        return weighted(slopes0, linear_twin(widened(x0), w, widened(b0), kIn));
      },
      r.gradient("w"));
  expect_slopes(
      widened(b0),
      [&](const auto& b) {
        return weighted(slopes0, linear_twin(widened(x0), widened(w0), b, kIn));
      },
      r.gradient("b"));
  expect_slopes(
      widened(w1),
      [&](const auto& w) { return weighted(slopes1, linear_twin(widened(x0), w, {}, kIn)); },
      r.gradient("v"));
}

TEST(RecordedOps, ProjectRefusesPackedMatrices) {
  Recording r;
  const auto w0 = random_floats(kOut * kIn, 2);
  Linear linear{r.weight("w", kOut, kIn, w0), {}};
  linear.weight.packed = PackedMatrix::pack(DType::f32, linear.weight.stored, kOut, kIn);
  const Tensor x = r.value(kRows, kIn, random_floats(kRows * kIn, 1));
  EXPECT_THROW(project(r.pass, nullptr, x, linear), Error);
  Weight half;
  half.name = "half";
  half.dtype = DType::f16;
  half.out = half.in = 1;
  EXPECT_THROW(project(r.pass, nullptr, r.value(1, 1, {w0.data(), 1}), Linear{half, {}}), Error);
}

TEST(RecordedOps, Norms) {
  for (const Norm::Kind kind : {Norm::Kind::rms, Norm::Kind::layer}) {
    const bool is_rms = kind == Norm::Kind::rms;
    const auto x0 = random_floats(kRows * kIn, 1), g0 = random_floats(kIn, 2),
               b0 = random_floats(kIn, 3), slopes = random_floats(kRows * kIn, 4);
    Recording r;
    Norm norm{kind, 1e-5f, r.vector("gain", g0), {}};
    if (!is_rms) norm.bias = r.vector("bias", b0);
    const Tensor x = r.value(kRows, kIn, x0);
    const Tensor y = normalize(r.pass, norm, x);
    const auto twin = [&](std::span<const double> at, std::span<const double> gain,
                          std::span<const double> bias) {
      return each_row(at, kIn, [&](std::span<const double> row) {
        return is_rms ? reference::rms_norm(row, gain, 1e-5)
                      : reference::layer_norm(row, gain, bias, 1e-5);
      });
    };
    const auto gain = widened(g0), bias = widened(b0), at = widened(x0);
    expect_values(all(y), twin(at, gain, bias));
    r.backward(y, slopes);
    expect_slopes(
        at, [&](const auto& v) { return weighted(slopes, twin(v, gain, bias)); }, r.gradient(x),
        1e-5);
    expect_slopes(
        gain, [&](const auto& v) { return weighted(slopes, twin(at, v, bias)); },
        r.gradient("gain"));
    if (is_rms) continue;
    expect_slopes(
        bias, [&](const auto& v) { return weighted(slopes, twin(at, gain, v)); },
        r.gradient("bias"));
  }
}

TEST(RecordedOps, GatedFeedForward) {
  const auto x0 = random_floats(kRows * kIn, 1, 1), g0 = random_floats(kOut * kIn, 2, 1),
             u0 = random_floats(kOut * kIn, 3, 1), slopes = random_floats(kRows * kOut, 4);
  Recording r;
  const Tensor x = r.value(kRows, kIn, x0);
  const Linear gate{r.weight("gate", kOut, kIn, g0), {}}, up{r.weight("up", kOut, kIn, u0), {}};
  const Tensor y = project_gated(r.pass, nullptr, x, gate, up, Activation::silu);
  const auto twin = [&](const auto& at, const auto& g, const auto& u) {
    auto gates = linear_twin(at, g, {}, kIn);
    const auto ups = linear_twin(at, u, {}, kIn);
    for (std::size_t i = 0; i < gates.size(); ++i) {
      gates[i] = reference::activate(Activation::silu, gates[i]) * ups[i];
    }
    return gates;
  };
  const auto at = widened(x0), g = widened(g0), u = widened(u0);
  expect_values(all(y), twin(at, g, u));
  r.backward(y, slopes);
  expect_slopes(
      at, [&](const auto& v) { return weighted(slopes, twin(v, g, u)); }, r.gradient(x));
  expect_slopes(
      g, [&](const auto& v) { return weighted(slopes, twin(at, v, u)); }, r.gradient("gate"));
  expect_slopes(
      u, [&](const auto& v) { return weighted(slopes, twin(at, g, v)); }, r.gradient("up"));
}

TEST(RecordedOps, ActivationsSoftCapAndSoftmax) {
  const auto x0 = random_floats(kRows * kIn, 1), slopes = random_floats(kRows * kIn, 2);
  const auto check = [&](const auto& op, const auto& twin) {
    Recording r;
    const Tensor x = r.value(kRows, kIn, x0);
    const Tensor y = op(r.pass, x);
    EXPECT_NE(y.data, x.data) << "a tape may come back to x";
    expect_values(all(y), each_row(widened(x0), kIn, twin));
    r.backward(y, slopes);
    expect_slopes(
        widened(x0), [&](const auto& v) { return weighted(slopes, each_row(v, kIn, twin)); },
        r.gradient(x), 1e-5);
  };
  for (const Activation activation :
       {Activation::gelu_tanh, Activation::gelu_erf, Activation::relu_squared}) {
    check([&](Pass& pass, const Tensor& x) { return activate(pass, activation, x); },
          [&](std::span<const double> row) {
            std::vector<double> y;
            for (const double v : row) y.push_back(reference::activate(activation, v));
            return y;
          });
  }
  check([](Pass& pass, const Tensor& x) { return soft_cap(pass, 1.5f, x); },
        [](std::span<const double> row) {
          std::vector<double> y;
          for (const double v : row) y.push_back(reference::soft_cap(1.5, v));
          return y;
        });
  check([](Pass& pass, const Tensor& x) { return softmax(pass, x); }, reference::softmax);
}

TEST(RecordedOps, EmbeddingsAddUpWhereTokensRepeat) {
  constexpr std::int64_t kEntries = 6;
  const std::vector<std::int32_t> tokens{3, 0, 3, 5, 3};
  const auto t0 = random_floats(kEntries * kIn, 1), slopes = random_floats(kRows * kIn, 2);
  Recording r;
  const Weight table = r.weight("table", kEntries, kIn, t0);
  const Tensor y = embed(r.pass, table, tokens, 2.5f);
  const auto twin = [&](const auto& values) {
    std::vector<double> rows;
    for (const std::int32_t token : tokens) {
      for (std::int64_t c = 0; c < kIn; ++c) {
        rows.push_back(2.5 * values[static_cast<std::size_t>(token * kIn + c)]);
      }
    }
    return rows;
  };
  expect_values(all(y), twin(widened(t0)));
  r.backward(y, slopes);
  expect_slopes(
      widened(t0), [&](const auto& v) { return weighted(slopes, twin(v)); }, r.gradient("table"));
}

TEST(RecordedOps, GatheredRowsAddUpWhereTheyRepeat) {
  Recording r;
  const Tensor x = r.value(3, 2, std::vector<float>{1, 2, 3, 4, 5, 6});
  const std::int64_t rows[] = {2, 0, 2};
  const Tensor y = gather_rows(r.pass, x, rows);
  EXPECT_EQ(std::vector<float>(all(y).begin(), all(y).end()),
            (std::vector<float>{5, 6, 1, 2, 5, 6}));
  r.backward(y, std::vector<float>{1, 2, 10, 20, 100, 200});
  EXPECT_EQ(r.gradient(x), (std::vector<float>{10, 20, 0, 0, 101, 202}));
}

TEST(RecordedOps, MixtureOfExperts) {
  constexpr std::int64_t kExperts = 4, kUsed = 2, kChannels = 3;
  for (const bool normalized : {true, false}) {
    const auto s0 = random_floats(kRows * kExperts, 11),
               // Each expert's result for each row, as if all saw all.
        results0 = random_floats(kRows * kExperts * kChannels, 12),
               slopes = random_floats(kRows * kChannels, 13);
    Recording r;
    const Tensor scores = r.value(kRows, kExperts, s0);
    const Tensor probabilities = softmax(r.pass, scores);
    const Routing routing = route(probabilities, kUsed, normalized);
    std::vector<Tensor> results;
    for (std::int64_t e = 0; e < kExperts; ++e) {
      const auto& rows = routing.rows[static_cast<std::size_t>(e)];
      std::vector<float> values;
      for (const std::int64_t row : rows) {
        const auto at = results0.begin() + (row * kExperts + e) * kChannels;
        values.insert(values.end(), at, at + kChannels);
      }
      const auto count = static_cast<std::int64_t>(rows.size());
      results.push_back(count > 0 ? r.value(count, kChannels, values) : Tensor{});
    }
    const Tensor y = mix(r.pass, probabilities, routing, results, kChannels);
    const auto twin = [&](const auto& at, const auto& outputs) {
      std::vector<double> all_rows;
      for (std::size_t row = 0; row < kRows; ++row) {
        const auto mixed = reference::mix(
            std::span(at).subspan(row * kExperts, kExperts), kUsed, normalized,
            std::span(outputs).subspan(row * kExperts * kChannels, kExperts * kChannels),
            kChannels);
        all_rows.insert(all_rows.end(), mixed.begin(), mixed.end());
      }
      return all_rows;
    };
    const auto at = widened(s0), outputs = widened(results0);
    expect_values(all(y), twin(at, outputs));
    r.backward(y, slopes);
    expect_slopes(
        at, [&](const auto& v) { return weighted(slopes, twin(v, outputs)); }, r.gradient(scores));
    // Back to where the experts' results came from.
    std::vector<float> gradient(results0.size());
    for (std::size_t e = 0; e < kExperts; ++e) {
      const std::vector<float> part = r.gradient(results[e]);
      for (std::size_t i = 0; i < routing.rows[e].size(); ++i) {
        const auto row = static_cast<std::size_t>(routing.rows[e][i]);
        std::copy_n(
            part.begin() + static_cast<std::ptrdiff_t>(i * kChannels), kChannels,
            gradient.begin() + static_cast<std::ptrdiff_t>((row * kExperts + e) * kChannels));
      }
    }
    expect_slopes(
        outputs, [&](const auto& v) { return weighted(slopes, twin(at, v)); }, gradient);
  }
}

TEST(RecordedOps, BalanceLoss) {
  constexpr std::int64_t kExperts = 4, kUsed = 2;
  const auto s0 = random_floats(kRows * kExperts, 21);
  Recording r;
  const Tensor scores = r.value(kRows, kExperts, s0);
  const Tensor probabilities = softmax(r.pass, scores);
  const Routing routing = route(probabilities, kUsed, true);
  const double got = balance_loss(r.pass, probabilities, routing, 0.5f);
  EXPECT_NEAR(got, reference::balance_loss(widened(s0), kExperts, kUsed), 1e-5);
  r.tape.backward();
  expect_slopes(
      widened(s0), [](const auto& v) { return 0.5 * reference::balance_loss(v, kExperts, kUsed); },
      r.gradient(scores));
}

class CrossEntropy : public testing::Test {
 protected:
  static constexpr float kScale = 0.25f;
  const std::vector<std::int32_t> targets_{4, -1, 0, 10, 4};
  const std::vector<float> weights_{1, 5, -2, 0.5f, 3};
  const std::vector<float> x0_ = random_floats(kRows * kIn, 1, 1),
                           w0_ = random_floats(kOut * kIn, 2, 1), b0_ = random_floats(kOut, 3, 1);

  struct Twin {
    double loss = 0, z_loss = 0, differentiated = 0;
  };
  Twin twin(const std::vector<double>& x, const std::vector<double>& w,
            const std::vector<double>& b, const PredictionLoss& loss) const {
    Twin sums;
    std::vector<double> scores = linear_twin(x, w, b, kIn);
    if (loss.soft_cap > 0) {
      for (double& s : scores) s = reference::soft_cap(static_cast<double>(loss.soft_cap), s);
    }
    for (std::size_t i = 0; i < kRows; ++i) {
      if (targets_[i] < 0) continue;
      const auto row = std::span(scores).subspan(i * kOut, kOut);
      const double each = reference::cross_entropy(row, targets_[i]);
      const double mass = each + row[static_cast<std::size_t>(targets_[i])];
      const double weight = loss.weights.empty() ? 1 : static_cast<double>(weights_[i]);
      sums.loss += each;
      sums.z_loss += mass * mass;
      sums.differentiated += static_cast<double>(loss.scale) * weight *
                             (each + static_cast<double>(loss.z_loss) * mass * mass);
    }
    return sums;
  }

  void check(PredictionLoss loss) const {
    loss.targets = targets_;
    loss.scale = kScale;
    std::vector<float> log_probabilities(kRows);
    loss.log_probabilities = log_probabilities;
    Recording r;
    const Tensor x = r.value(kRows, kIn, x0_);
    const Linear head{r.weight("w", kOut, kIn, w0_), r.vector("b", b0_)};
    const PredictionSums sums = cross_entropy(r.pass, x, head, loss);
    const auto at = widened(x0_), w = widened(w0_), b = widened(b0_);
    EXPECT_NEAR(sums.loss, twin(at, w, b, loss).loss, 1e-5);
    if (loss.z_loss > 0) {
      EXPECT_NEAR(sums.z_loss, twin(at, w, b, loss).z_loss, 1e-4);
    }
    EXPECT_EQ(sums.counted, 4);
    double total = 0;
    for (const float each : log_probabilities) total -= static_cast<double>(each);
    EXPECT_NEAR(total, sums.loss, 1e-5);
    EXPECT_EQ(log_probabilities[1], 0);
    r.tape.backward();
    expect_slopes(
        at, [&](const auto& v) { return twin(v, w, b, loss).differentiated; }, r.gradient(x), 1e-5);
    expect_slopes(
        w, [&](const auto& v) { return twin(at, v, b, loss).differentiated; }, r.gradient("w"),
        1e-5);
    expect_slopes(
        b, [&](const auto& v) { return twin(at, w, v, loss).differentiated; }, r.gradient("b"),
        1e-5);

    Pass plain(r.workspace);
    const PredictionSums again = cross_entropy(plain, x, head, loss);
    EXPECT_EQ(again.loss, sums.loss);
    EXPECT_EQ(again.correct, sums.correct);
  }
};

TEST_F(CrossEntropy, OfAHead) { check({}); }
TEST_F(CrossEntropy, InChunks) {
  PredictionLoss loss;
  loss.scores_at_once = 2 * kOut;
  check(loss);
}
TEST_F(CrossEntropy, WithWeights) {
  PredictionLoss loss;
  loss.weights = weights_;
  check(loss);
}
TEST_F(CrossEntropy, WithASoftCap) {
  PredictionLoss loss;
  loss.soft_cap = 1.5f;
  check(loss);
}
TEST_F(CrossEntropy, WithEverything) {
  PredictionLoss loss;
  loss.weights = weights_;
  loss.soft_cap = 2;
  loss.z_loss = 0.1f;
  loss.scores_at_once = 1;
  check(loss);
}

TEST_F(CrossEntropy, RefusesWhatDoesNotFit) {
  Recording r;
  const Tensor x = r.value(kRows, kIn, x0_);
  const Linear head{r.weight("w", kOut, kIn, w0_), {}};
  PredictionLoss loss;
  EXPECT_THROW(cross_entropy(r.pass, x, head, loss), Error);
  const std::vector<std::int32_t> beyond{0, 0, 0, 0, kOut};
  loss.targets = beyond;
  EXPECT_THROW(cross_entropy(r.pass, x, head, loss), Error);
  loss.targets = targets_;
  loss.weights = std::span(weights_).first(3);
  EXPECT_THROW(cross_entropy(r.pass, x, head, loss), Error);
}

TEST_F(CrossEntropy, CountsWhatTheModelGotRight) {
  ThreadPool pool(1);
  Recording r;
  const Tensor x = r.value(2, 2, std::vector<float>{1, 0, 0, 1});
  const Linear head{r.weight("w", 3, 2, std::vector<float>{5, 0, 0, 5, 1, 1}), {}};
  const std::vector<std::int32_t> targets{0, 2};
  PredictionLoss loss;
  loss.targets = targets;
  EXPECT_EQ(cross_entropy(r.pass, x, head, loss).correct, 1);
}

}  // namespace
}  // namespace jielong
