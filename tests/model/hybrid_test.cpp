// Our own stacks by a pattern of letters: made, trained, saved and run.

#include "model/families/hybrid.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "base/scratch.h"
#include "model/gguf.h"
#include "model/model_runner.h"
#include "model/save_model.h"
#include "tensor/ops/cross_entropy.h"
#include "tensor/tape.h"

namespace jielong {
namespace {

Hyperparameters stack_of(const std::string& pattern, std::int64_t layers, bool repeat = false) {
  Hyperparameters hyper;
  hyper.family = "jielong";
  hyper.pattern = pattern;
  hyper.repeat_weights = repeat;
  hyper.layers = layers;
  hyper.channels = 32;
  hyper.heads = 4;
  hyper.kv_heads = 2;
  hyper.feed_forward = 48;
  hyper.context_length = 512;
  hyper.vocabulary = 60;
  hyper.experts = pattern.find('E') != std::string::npos ? 3 : 0;
  hyper.experts_used = hyper.experts > 0 ? 2 : 0;
  return hyper;
}

const std::vector<Token> kText{5, 3, 50, 9, 5, 44, 12, 59, 0, 21, 5, 3, 50, 9, 5, 44, 12, 7};

/// Logits of kText from a chain that takes it in pieces.
std::vector<float> logits_of(const std::shared_ptr<Model>& model, ThreadPool& pool,
                             std::size_t piece) {
  model->prepare(pool);
  ModelRunner runner(model, pool, {.kv_type = KvType::f32});
  const SequenceId id = runner.open();
  std::vector<float> all;
  for (std::size_t first = 0; first < kText.size(); first += piece) {
    const auto part = std::span(kText).subspan(first, std::min(piece, kText.size() - first));
    const Slice slice{id, part, true};
    const Logits logits = runner.evaluate({&slice, 1});
    all.insert(all.end(), logits.data, logits.data + logits.rows * logits.vocabulary);
  }
  return all;
}

float distance(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  float worst = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    worst = std::isnan(a[i] - b[i]) ? INFINITY : std::max(worst, std::abs(a[i] - b[i]));
  }
  return worst;
}

/// One step of plain gradient descent on kText, said twice as two sequences; returns the loss.
double learn(Model& model, ThreadPool& pool, float rate) {
  Workspace workspace(pool);
  Parameters& parameters = *model.parameters();
  parameters.zero_gradients(pool);
  Tape tape(parameters);
  Pass pass(workspace, nullptr, &tape);
  Batch batch;
  std::vector<Token> targets;
  for (int s = 0; s < 2; ++s) {
    const auto count = static_cast<std::int64_t>(kText.size()) - s;
    batch.sequences.push_back({batch.rows(), count, 0, nullptr});
    for (std::int64_t i = 0; i < count; ++i) {
      batch.output_rows.push_back(batch.rows());
      batch.tokens.push_back(kText[static_cast<std::size_t>(i + s)]);
      batch.positions.push_back(i);
      targets.push_back(i + 1 < count ? kText[static_cast<std::size_t>(i + s + 1)] : -1);
    }
  }
  ModelPass model_pass(pass, batch);
  PredictionLoss loss;
  loss.targets = targets;
  loss.scale = 1 / static_cast<float>(targets.size() - 2);
  const PredictionSums sums =
      cross_entropy(pass, model.stack().hidden(model_pass), model.stack().head, loss);
  tape.backward();
  for (Parameter& parameter : parameters.all()) {
    for (std::int64_t i = 0; i < parameter.count(); ++i) {
      parameter.values[i] -= rate * parameter.gradient[i];
    }
  }
  return sums.loss / static_cast<double>(sums.counted);
}

class Patterns : public testing::TestWithParam<const char*> {
 protected:
  ThreadPool pool_{1};
};

TEST_P(Patterns, LearnAndSurviveAsAFile) {
  const auto model = Model::create(stack_of(GetParam(), 4), {.deviation = 0.1f}, pool_);
  const double before = learn(*model, pool_, 0.3f);
  double after = before;
  for (int i = 0; i < 12; ++i) after = learn(*model, pool_, 0.3f);
  EXPECT_LT(after, 0.8 * before);

  const test::Scratch scratch;
  save_model(*model, scratch / "model.gguf");
  const auto again = Model::load(scratch / "model.gguf");
  EXPECT_EQ(again->hyper().pattern, GetParam());
  const std::vector<float> expected = logits_of(model, pool_, kText.size());
  EXPECT_LE(distance(logits_of(again, pool_, kText.size()), expected), 1e-4f);
  EXPECT_EQ(logits_of(again, pool_, 1), logits_of(again, pool_, kText.size())) << "step by step";
}

INSTANTIATE_TEST_SUITE_P(Letters, Patterns,
                         testing::Values("AF", "M", "S", "D", "MFAF", "SGDE", "MSDA"),
                         [](const auto& pattern) { return std::string(pattern.param); });

TEST(RepeatedWeights, AreOnePeriodThatRemembersEachTimeForItself) {
  ThreadPool pool(1);
  const auto shared = Model::create(stack_of("AFM", 7, true), {.deviation = 0.1f}, pool);
  const auto own = Model::create(stack_of("AFM", 7), {.deviation = 0.1f}, pool);
  EXPECT_EQ(shared->parameters()->find("blk.3.attn_q.weight"), nullptr);
  EXPECT_LT(shared->parameter_count(), own->parameter_count());
  // The same as a model that has the parameters again and again.
  for (Parameter& parameter : own->parameters()->all()) {
    std::string name = parameter.name;
    if (name.starts_with("blk.")) {
      const std::size_t end = name.find('.', 4);
      name = "blk." + std::to_string(std::stoi(name.substr(4, end - 4)) % 3) + name.substr(end);
    }
    const Parameter* from = shared->parameters()->find(name);
    ASSERT_NE(from, nullptr) << name;
    std::copy_n(from->values, from->count(), parameter.values);
  }
  const std::vector<float> expected = logits_of(own, pool, kText.size());
  EXPECT_EQ(logits_of(shared, pool, kText.size()), expected);
  EXPECT_EQ(logits_of(shared, pool, 5), expected);
  // Its gradient is the sum of what the repetitions would get.
  const auto shared_again = Model::create(stack_of("AFM", 7, true), {.deviation = 0.1f}, pool);
  const auto own_again = Model::create(stack_of("AFM", 7), {.deviation = 0.1f}, pool);
  for (Parameter& parameter : own_again->parameters()->all()) {
    std::copy_n(own->parameters()->find(parameter.name)->values, parameter.count(),
                parameter.values);
  }
  EXPECT_NEAR(learn(*shared_again, pool, 0), learn(*own_again, pool, 0), 1e-6);
  const Parameter& whole = *shared_again->parameters()->find("blk.2.ssm_a");
  for (std::int64_t i = 0; i < whole.count(); ++i) {
    float sum = 0;
    for (const char* name : {"blk.2.ssm_a", "blk.5.ssm_a"}) {
      sum += own_again->parameters()->find(name)->gradient[i];
    }
    EXPECT_NEAR(whole.gradient[i], sum, 1e-6f + 1e-4f * std::abs(sum));
  }
  const test::Scratch scratch;
  save_model(*shared, scratch / "model.gguf");
  EXPECT_LE(distance(logits_of(Model::load(scratch / "model.gguf"), pool, 4), expected), 1e-4f);
}

TEST(RecurrentSizes, OfKindsThatDoNotOccurAreForgotten) {
  ThreadPool pool(1);
  Hyperparameters hyper = stack_of("MA", 2);
  hyper.mamba.inner = hyper.mamba2.inner = hyper.delta_net.inner = 48;
  const auto model = Model::create(hyper, {}, pool);
  EXPECT_EQ(model->hyper().mamba.inner, 48);
  EXPECT_EQ(model->hyper().mamba.states, 16);
  EXPECT_EQ(model->hyper().mamba2.inner, 0);
  EXPECT_EQ(model->hyper().delta_net.inner, 0);
}

TEST(BadPatterns, AreRefused) {
  ThreadPool pool(1);
  for (const char* pattern : {"", "AX", "mf", "A F"}) {
    EXPECT_THROW(Model::create(stack_of(pattern, 2), {}, pool), Error) << pattern;
  }
  Hyperparameters hyper = stack_of("AE", 2);
  hyper.experts = hyper.experts_used = 0;
  EXPECT_THROW(Model::create(hyper, {}, pool), Error);
  hyper = stack_of("S", 2);
  hyper.mamba2.rank = 7;  // heads that do not divide 64 channels
  EXPECT_THROW(Model::create(hyper, {}, pool), Error);
  hyper = stack_of("M", 2);
  hyper.mamba.taps = 9;
  EXPECT_THROW(Model::create(hyper, {}, pool), Error);
}

}  // namespace
}  // namespace jielong
