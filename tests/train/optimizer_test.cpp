#include "train/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/random.h"
#include "train/ema.h"
#include "train/newton_schulz.h"

namespace jielong {
namespace {

const Json& golden() {
  static const Json json =
      parse_json(read_file(JIELONG_TEST_DATA "/train/goldens/optimizers.json"), "optimizers.json");
  return json;
}

OptimizerSettings settings(OptimizerKind kind, double rate, double decay) {
  OptimizerSettings result;
  result.kind = kind;
  result.learning_rate = rate;
  result.weight_decay = decay;
  return result;
}

/// The golden's first `count` parameters at their start, and an optimizer over them.
class OptimizerRun {
 public:
  OptimizerRun(const OptimizerSettings& optimizer, std::size_t count, int threads = 2)
      : pool_(threads) {
    std::size_t i = 0;
    // Objects of JSON lose the order in which they were written.
    for (const char* name : {"tall", "wide", "vector"}) {
      if (i == count) break;
      const auto shape = golden()["shapes"][name].get<std::vector<std::int64_t>>();
      Parameter& added =
          parameters_.add(name, shape[0] == 1 ? Parameter::Role::vector : Parameter::Role::matrix,
                          shape[0], shape[1]);
      fill(added.values, golden()["start"][i++]);
    }
    ParameterGroup group{"all", optimizer, {}};
    for (Parameter& parameter : parameters_.all()) group.parameters.push_back(&parameter);
    optimizer_ = std::make_unique<Optimizer>(pool_, std::vector{group});
  }

  void set_gradients(std::size_t step) {
    std::size_t i = 0;
    for (Parameter& each : parameters_.all()) fill(each.gradient, golden()["gradients"][step][i++]);
  }

  /// Follows the golden `name` and compares after each step.
  void expect_golden(const char* name, float tolerance) {
    for (std::size_t step = 0; step < golden()[name].size(); ++step) {
      set_gradients(step);
      optimizer_->step(1, 1);
      std::size_t i = 0;
      for (const Parameter& each : parameters_.all()) {
        const auto expected = golden()[name][step][i++].get<std::vector<float>>();
        for (std::size_t j = 0; j < expected.size(); ++j) {
          ASSERT_NEAR(each.values[j], expected[j], tolerance)
              << name << ", step " << step << ", " << each.name << "[" << j << "]";
        }
      }
    }
  }

  Parameters& parameters() { return parameters_; }
  Optimizer& optimizer() { return *optimizer_; }

 private:
  static void fill(float* values, const Json& numbers) {
    for (const Json& number : numbers) *values++ = number.get<float>();
  }

  ThreadPool pool_;
  Parameters parameters_;
  std::unique_ptr<Optimizer> optimizer_;
};

TEST(Optimizer, AdamwIsThatOfPytorch) {
  OptimizerRun(settings(OptimizerKind::adamw, 0.01, 0.1), 3).expect_golden("adamw", 2e-6F);
}

TEST(Optimizer, SgdIsThatOfPytorch) {
  auto plain = settings(OptimizerKind::sgd, 0.02, 0);
  plain.momentum = 0;
  plain.nesterov = false;
  OptimizerRun(plain, 3).expect_golden("sgd", 1e-6F);
  auto heavy = plain;
  heavy.momentum = 0.9;
  OptimizerRun(heavy, 3).expect_golden("sgd momentum", 1e-6F);
  heavy.nesterov = true;
  OptimizerRun(heavy, 3).expect_golden("sgd nesterov", 1e-6F);
}

TEST(Optimizer, LionIsThatOfItsPaper) {
  auto lion = settings(OptimizerKind::lion, 0.01, 0.1);
  lion.beta2 = 0.99;
  OptimizerRun(lion, 3).expect_golden("lion", 1e-6F);
}

TEST(Optimizer, MuonIsThatOfItsFormula) {
  OptimizerRun(settings(OptimizerKind::muon, 0.02, 0.1), 2).expect_golden("muon", 2e-5F);
}

TEST(Optimizer, DecayShrinksWithoutAGradient) {
  for (const auto kind : {OptimizerKind::adamw, OptimizerKind::lion, OptimizerKind::sgd}) {
    OptimizerRun run(settings(kind, 0.5, 0.1), 3);
    const float before = run.parameters().all().front().values[0];
    run.optimizer().step(0.5, 1);
    EXPECT_FLOAT_EQ(run.parameters().all().front().values[0], before * (1 - 0.25F * 0.1F));
  }
}

TEST(Optimizer, AGradientFactorIsAsGoodAsASmallerGradient) {
  for (const auto kind : {OptimizerKind::adamw, OptimizerKind::lion, OptimizerKind::sgd}) {
    OptimizerRun scaled(settings(kind, 0.01, 0), 3), small(settings(kind, 0.01, 0), 3);
    scaled.set_gradients(0);
    small.set_gradients(0);
    for (Parameter& each : small.parameters().all()) {
      for (std::int64_t i = 0; i < each.count(); ++i) each.gradient[i] *= 0.25F;
    }
    scaled.optimizer().step(1, 0.25);
    small.optimizer().step(1, 1);
    const Parameter& a = scaled.parameters().all().front();
    const Parameter& b = small.parameters().all().front();
    for (std::int64_t i = 0; i < a.count(); ++i) EXPECT_EQ(a.values[i], b.values[i]);
  }
}

TEST(Optimizer, NormIsOverAllParameters) {
  OptimizerRun run(settings(OptimizerKind::sgd, 0.1, 0), 3);
  run.set_gradients(1);
  double sum = 0;
  for (const Parameter& each : run.parameters().all()) {
    for (std::int64_t i = 0; i < each.count(); ++i) {
      sum += static_cast<double>(each.gradient[i]) * static_cast<double>(each.gradient[i]);
    }
  }
  EXPECT_NEAR(run.optimizer().gradient_norm(), std::sqrt(sum), 1e-6);
}

TEST(Optimizer, BytesDoNotDependOnThreads) {
  for (const auto kind : {OptimizerKind::adamw, OptimizerKind::muon}) {
    std::vector<float> first;
    for (const int threads : {1, 3}) {
      ThreadPool pool(threads);
      Parameters parameters;
      Parameter& matrix = parameters.add("m", Parameter::Role::matrix, 130, 190);
      Rng rng(3);
      for (std::int64_t i = 0; i < matrix.count(); ++i) {
        matrix.values[i] = static_cast<float>(rng.uniform() - 0.5);
        matrix.gradient[i] = static_cast<float>(rng.uniform() - 0.5);
      }
      Optimizer optimizer(pool, {{"all", settings(kind, 0.01, 0.1), {&matrix}}});
      for (int step = 0; step < 3; ++step) optimizer.step(1, 1 / optimizer.gradient_norm());
      const std::vector<float> values(matrix.values, matrix.values + matrix.count());
      if (first.empty()) first = values;
      EXPECT_EQ(values, first) << name(kind);
    }
  }
}

TEST(Optimizer, SettingsOutOfRangeAreRefused) {
  auto bad = settings(OptimizerKind::adamw, 0.1, 0.1);
  bad.beta2 = 1;
  EXPECT_THROW(OptimizerRun(bad, 1), Error);
  EXPECT_THROW(OptimizerRun(settings(OptimizerKind::adamw, -1, 0), 1), Error);
  EXPECT_THROW(OptimizerRun(settings(OptimizerKind::adamw, NAN, 0), 1), Error);
}

TEST(NewtonSchulz, TakesSingularValuesNearOne) {
  ThreadPool pool(2);
  Rng rng(7);
  std::vector<float> scratch;
  for (const auto& [rows, columns] : {std::pair{24, 16}, std::pair{16, 24}}) {
    std::vector<float> x(static_cast<std::size_t>(rows * columns));
    for (float& value : x) value = static_cast<float>(rng.uniform() * 2 - 1);
    orthogonalize(pool, Precision::f32, 8, rows, columns, x.data(), scratch);
    // The Frobenius norm of 16 singular values near one.
    double squares = 0;
    for (const float value : x) squares += static_cast<double>(value) * static_cast<double>(value);
    EXPECT_NEAR(squares / 16, 1, 0.35) << rows;
    // One direction: |X v| / |v| lies between the least and the greatest of them.
    double image = 0, length = 0;
    for (int i = 0; i < rows; ++i) {
      double sum = 0;
      for (int j = 0; j < columns; ++j) sum += static_cast<double>(x[i * columns + j]);
      image += sum * sum;
    }
    length = columns;
    EXPECT_LT(std::sqrt(image / length), 1.3);
  }
}

TEST(Ema, FollowsAndSwaps) {
  ThreadPool pool(2);
  Parameters parameters;
  Parameter& vector = parameters.add("v", Parameter::Role::vector, 1, 3);
  vector.values[0] = 1;
  std::vector<Parameter*> all = {&vector};
  Ema ema(pool, all, 0.75);
  vector.values[0] = 5;
  ema.update();
  EXPECT_FLOAT_EQ(ema.average(0)[0], 2);
  {
    const EmaScope scope(&ema);
    EXPECT_FLOAT_EQ(vector.values[0], 2);
  }
  EXPECT_FLOAT_EQ(vector.values[0], 5);
  EXPECT_THROW(Ema(pool, all, 1), Error);
}

}  // namespace
}  // namespace jielong
