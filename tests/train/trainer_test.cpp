#include "train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "base/scratch.h"
#include "small_run.h"

namespace jielong {
namespace {

using test::Recorder;
using test::Scratch;
using test::small_options;
using test::SmallRun;
using testing::ElementsAre;

TEST(Trainer, Learns) {
  auto options = small_options();
  options.steps = 60;
  SmallRun run(options);
  Recorder recorder;
  EXPECT_EQ(run.trainer->run(recorder), RunEnd::finished);
  ASSERT_EQ(recorder.steps.size(), 60U);
  EXPECT_LT(recorder.steps.back().loss, recorder.steps.front().loss - 0.5);
}

TEST(Trainer, TellsOfEachStep) {
  SmallRun run(small_options());
  const StepMetrics first = run.trainer->step();
  EXPECT_EQ(first.step, 1);
  EXPECT_EQ(first.steps, 8);
  EXPECT_EQ(first.tokens, 40);
  EXPECT_NEAR(first.loss, std::log(12.0), 0.3);
  EXPECT_GT(first.gradient_norm, 0);
  ASSERT_EQ(first.learning_rates.size(), 2U);
  EXPECT_EQ(first.learning_rates[0].first, "matrices");
  EXPECT_DOUBLE_EQ(first.learning_rates[0].second, 0.05 / 2);
  ASSERT_EQ(first.means.size(), 2U);
  EXPECT_EQ(first.means[1].first, "certainty");
  EXPECT_NEAR(first.means[1].second, 1.0 / 12, 0.03);
  const StepMetrics second = run.trainer->step();
  EXPECT_EQ(second.total_tokens, 80);
  EXPECT_DOUBLE_EQ(second.epochs, 0.008);
}

TEST(Trainer, BytesDoNotDependOnThreads) {
  std::vector<float> first;
  for (const int threads : {1, 3}) {
    SmallRun run(small_options(), nullptr, threads);
    for (int i = 0; i < 5; ++i) run.trainer->step();
    if (first.empty()) first = run.values();
    EXPECT_EQ(run.values(), first);
  }
}

TEST(Trainer, AccumulationTakesTheMeanOverTheWholeStep) {
  auto options = small_options();
  SmallRun whole(options);
  options.pass_sequences = 3;  // passes of 3 and 1
  SmallRun parts(options);
  for (int i = 0; i < 5; ++i) {
    const StepMetrics a = whole.trainer->step(), b = parts.trainer->step();
    EXPECT_NEAR(a.loss, b.loss, 1e-5);
    EXPECT_NEAR(a.gradient_norm, b.gradient_norm, 1e-5);
    EXPECT_EQ(b.tokens, 40);
  }
}

TEST(Trainer, ClipsTheNormOfAllGradients) {
  auto options = small_options();
  options.clip_norm = 0.01;
  options.optimizer.kind = OptimizerKind::sgd;
  options.optimizer.momentum = 0;
  options.optimizer.nesterov = false;
  options.optimizer.weight_decay = 0;
  options.optimizer.learning_rate = 1;
  options.schedule = {ScheduleKind::constant, 0, 0, 1};
  SmallRun run(options);
  const auto before = run.values();
  EXPECT_GT(run.trainer->step().gradient_norm, 0.01);
  double moved = 0;
  const auto after = run.values();
  for (std::size_t i = 0; i < after.size(); ++i) moved += std::pow(after[i] - before[i], 2);
  EXPECT_NEAR(std::sqrt(moved), 0.01, 1e-4);
}

TEST(Trainer, EvaluatesAlwaysTheSame) {
  auto options = small_options();
  options.token_bytes.assign(12, 3);
  SmallRun run(options);
  run.trainer->step();
  const EvaluationMetrics first = run.trainer->evaluate();
  EXPECT_EQ(first.targets, 60);
  EXPECT_TRUE(first.best);
  EXPECT_NEAR(first.perplexity, std::exp(first.loss), 1e-9);
  EXPECT_NEAR(first.bits_per_byte, first.loss / std::numbers::ln2 / 3, 1e-9);
  const EvaluationMetrics again = run.trainer->evaluate();
  EXPECT_EQ(again.loss, first.loss);
  EXPECT_FALSE(again.best);
  for (int i = 0; i < 7; ++i) run.trainer->step();
  EXPECT_TRUE(run.trainer->evaluate().best);
}

TEST(Trainer, EvaluatesTheAverageWhereThereIsOne) {
  auto options = small_options();
  options.ema_decay = 0.9;
  SmallRun run(options);
  for (int i = 0; i < 4; ++i) run.trainer->step();
  const double average = run.trainer->evaluate().loss;
  run.trainer->ema()->swap();  // what was the average is θ now, and θ evaluated as the average
  EXPECT_NE(run.trainer->evaluate().loss, average);
}

TEST(Trainer, DoesEverythingAtItsInterval) {
  const Scratch scratch;
  auto options = small_options();
  options.steps = 7;
  options.evaluate_every = 3;
  options.sample_every = 2;
  options.checkpoints = scratch / "checkpoints";
  options.checkpoint_every = 4;
  SmallRun run(options);
  TrainerParts parts;
  parts.held_out = &run.held_out;
  parts.sample = [] { return std::vector<TrainingSample>{{0, "a", "b"}}; };
  run.trainer.reset();
  Trainer trainer(run.pool, run.parameters, run.bigram, run.source, options, parts);
  Recorder recorder;
  EXPECT_EQ(trainer.run(recorder), RunEnd::finished);
  std::vector<std::int64_t> evaluated, sampled;
  for (const auto& each : recorder.evaluations) evaluated.push_back(each.step);
  for (const auto& each : recorder.samples) sampled.push_back(each.step);
  EXPECT_THAT(evaluated, ElementsAre(3, 4, 6, 7));  // 4, because that has a checkpoint
  EXPECT_THAT(sampled, ElementsAre(2, 4, 6, 7));
  EXPECT_THAT(recorder.checkpoints, ElementsAre(4, 7));
}

TEST(Trainer, StopsWhenAskedAndGoesOnToTheBit) {
  const Scratch scratch;
  auto options = small_options();
  options.ema_decay = 0.5;
  options.optimizer.kind = OptimizerKind::muon;
  Recorder whole;
  SmallRun reference(options);
  reference.trainer->run(whole);

  options.checkpoints = scratch / "checkpoints";
  std::atomic<bool> stop{false};
  struct StopAtThree : Recorder {
    explicit StopAtThree(std::atomic<bool>& flag) : flag_(flag) {}
    void on_step(const StepMetrics& metrics) override {
      Recorder::on_step(metrics);
      flag_ = metrics.step == 3;
    }
    std::atomic<bool>& flag_;
  } first(stop);
  {
    SmallRun run(options);
    EXPECT_EQ(run.trainer->run(first, &stop), RunEnd::stopped);
    EXPECT_EQ(first.stopped, 3);
    EXPECT_THAT(first.checkpoints, ElementsAre(3));
  }
  SmallRun run(options);
  const auto resumed = run.trainer->resume();
  ASSERT_TRUE(resumed);
  EXPECT_EQ(resumed->checkpoint.step, 3);
  EXPECT_TRUE(resumed->skipped.empty());
  Recorder second;
  EXPECT_EQ(run.trainer->run(second), RunEnd::finished);
  auto losses = first.losses();
  for (const double loss : second.losses()) losses.push_back(loss);
  EXPECT_EQ(losses, whole.losses());
  EXPECT_EQ(run.values(), reference.values());
  EXPECT_EQ(second.steps.back().total_tokens, whole.steps.back().total_tokens);
  run.trainer->ema()->swap();
  reference.trainer->ema()->swap();
  EXPECT_EQ(run.values(), reference.values());
}

TEST(Trainer, ANewRunLeavesTheCheckpointsOfAnotherAlone) {
  const Scratch scratch;
  auto options = small_options();
  options.steps = 1;
  options.checkpoints = scratch.path();
  Recorder recorder;
  SmallRun(options).trainer->run(recorder);
  EXPECT_THROW(SmallRun(options).trainer->run(recorder), Error);
}

TEST(Trainer, ResumingNeedsTheSameParameters) {
  const Scratch scratch;
  auto options = small_options();
  options.steps = 1;
  options.checkpoints = scratch.path();
  Recorder recorder;
  EXPECT_FALSE(SmallRun(options).trainer->resume());
  SmallRun(options).trainer->run(recorder);
  options.ema_decay = 0.9;  // of which the checkpoint knows nothing
  EXPECT_THROW(SmallRun(options).trainer->resume(), Error);
  options.ema_decay = 0;
  options.optimizer.kind = OptimizerKind::lion;
  EXPECT_THROW(SmallRun(options).trainer->resume(), Error);
}

TEST(Trainer, EndsAtValuesThatAreNotFinite) {
  Recorder recorder;
  SmallRun weight(small_options());
  weight.bigram.weight().values[5] = std::nanf("");
  EXPECT_EQ(weight.trainer->run(recorder), RunEnd::not_finite);
  EXPECT_EQ(recorder.not_finite, "bigram.weight");

  SmallRun activation(small_options());
  activation.bigram.broken_activation = true;
  EXPECT_EQ(activation.trainer->run(recorder), RunEnd::not_finite);
  EXPECT_EQ(recorder.not_finite, "bigram.out");

  SmallRun gradient(small_options());
  gradient.bigram.broken_gradient = true;
  const auto before = gradient.values();
  EXPECT_EQ(gradient.trainer->run(recorder), RunEnd::not_finite);
  EXPECT_EQ(recorder.not_finite, "gradient of bigram.weight");
  EXPECT_EQ(gradient.values(), before);
  EXPECT_TRUE(recorder.steps.empty());
}

TEST(Trainer, RefusesWhatCannotBe) {
  const auto with = [](auto change) {
    auto options = small_options();
    change(options);
    return options;
  };
  EXPECT_THROW(SmallRun(with([](auto& o) { o.steps = 0; })), Error);
  EXPECT_THROW(SmallRun(with([](auto& o) { o.sequences = 0; })), Error);
  EXPECT_THROW(SmallRun(with([](auto& o) { o.keep_last = 0; })), Error);
  EXPECT_THROW(SmallRun(with([](auto& o) { o.ema_decay = 1; })), Error);
  EXPECT_THROW(SmallRun(with([](auto& o) { o.schedule.final_factor = 2; })), Error);
}

}  // namespace
}  // namespace jielong
