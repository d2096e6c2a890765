#include "train/run_training.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "base/scratch.h"
#include "train/plan.h"
#include "train/recipe_settings.h"

namespace jielong {
namespace {

using testing::HasSubstr;

constexpr const char* kTiny = R"(name: tiny
model: {layers: 1, channels: 16, heads: 2, context: 16}
tokenizer: {train: bytes}
data: {sources: [{path: text.txt, cut: lines}], held_out: 0.2}
optimizer: {learning_rate: 0.01}
batch: {sequences: 2, length: 16}
budget: {steps: 8}
evaluation: {every: 4, batches: 1}
samples: {prompts: ["a"], tokens: 3}
checkpoints: {every: 4}
)";

/// Asks to stop after a step.
class StopAfter : public TrainObserver {
 public:
  explicit StopAfter(std::int64_t step) : step_(step) {}
  void on_step(const StepMetrics& metrics) override { stop = metrics.step >= step_; }
  std::atomic<bool> stop{false};

 private:
  std::int64_t step_;
};

class RunTraining : public testing::Test {
 protected:
  RunTraining() {
    std::string text;
    for (int i = 0; i < 60; ++i) text += "line " + std::to_string(i * i) + " of a text\n";
    write_file(folder_ / "text.txt", text);
  }

  RunRequest request(const std::string& runs, const std::vector<std::string>& overrides = {}) {
    std::vector<std::string> all{"data.cache=" + (folder_ / "tokens").string()};
    all.insert(all.end(), overrides.begin(), overrides.end());
    RunRequest request;
    request.recipe = parse_recipe(kTiny, "tiny.yaml", folder_.path(), all);
    request.runs = folder_ / runs;
    request.version = "test";
    return request;
  }

  static RunRecords records(const RunOutcome& outcome) {
    return RunRecordReader(outcome.folder).update();
  }

  test::Scratch folder_;
  ThreadPool pool_{1};
};

TEST_F(RunTraining, LeavesRecordsAReportAndAModel) {
  TrainObserver nobody;
  const RunOutcome outcome = run_training(request("runs"), pool_, nobody);
  EXPECT_EQ(outcome.end, RunEnd::finished);
  EXPECT_EQ(outcome.info.state, "finished");
  EXPECT_TRUE(outcome.notes.empty());
  const RunRecords made = records(outcome);
  ASSERT_EQ(made.steps.size(), 8U);
  EXPECT_LT(made.steps.back().loss, made.steps.front().loss);
  EXPECT_EQ(made.evaluations.size(), 2U);
  EXPECT_GT(made.evaluations.back().bits_per_byte, 0);
  EXPECT_EQ(made.samples.size(), 2U);
  EXPECT_THAT(read_file(outcome.folder / "report.html"), HasSubstr("8 of 8"));
  const auto model = Model::load(outcome.model);
  EXPECT_EQ(model->hyper().channels, 16);
  EXPECT_TRUE(model->has_tokenizer());
}

TEST_F(RunTraining, GoesOnAsIfItHadNotStopped) {
  TrainObserver nobody;
  const RunRecords whole = records(run_training(request("whole"), pool_, nobody));
  StopAfter stop(5);
  RunRequest first = request("parts");
  first.stop = &stop.stop;
  const RunOutcome stopped = run_training(first, pool_, stop);
  EXPECT_EQ(stopped.end, RunEnd::stopped);
  EXPECT_EQ(stopped.info.state, "stopped");
  EXPECT_TRUE(stopped.model.empty());

  RunRequest second;
  second.recipe = read_recipe(stopped.folder / "recipe.yaml");
  second.resume = stopped.folder;
  const RunOutcome resumed = run_training(second, pool_, nobody);
  EXPECT_EQ(resumed.end, RunEnd::finished);
  EXPECT_EQ(resumed.folder, stopped.folder);
  EXPECT_EQ(resumed.resumed_from, 5);
  const RunRecords parts = records(resumed);
  ASSERT_EQ(parts.steps.size(), whole.steps.size());
  for (std::size_t i = 0; i < whole.steps.size(); ++i) {
    EXPECT_EQ(parts.steps[i].loss, whole.steps[i].loss) << "step " << i + 1;
  }
  ASSERT_EQ(parts.evaluations.size(), whole.evaluations.size());
  EXPECT_EQ(parts.evaluations.back().loss, whole.evaluations.back().loss);
}

TEST_F(RunTraining, WhatFailsSaysSoInItsFolder) {
  RunRequest wrong = request("runs", {"data.sources.0.path=/nowhere/at/all.txt"});
  TrainObserver nobody;
  EXPECT_THROW(run_training(wrong, pool_, nobody), Error);
  const auto runs = list_runs(folder_ / "runs");
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].state, "failed");
  EXPECT_THAT(runs[0].problem, HasSubstr("/nowhere/at/all.txt"));
}

TEST_F(RunTraining, PlansWithoutTouchingData) {
  Recipe recipe = request("runs", {"budget.steps=0", "budget.tokens=3300"}).recipe;
  const TrainingPlan plan = plan_training(recipe, pool_, true);
  // Every token meets every matrix: attention 4 · 16², feed-forward 3 · 16 · 64, the head.
  const std::int64_t vocabulary = 258;
  const double products = 4 * 16 * 16 + 3 * 16 * 64 + 16.0 * vocabulary;
  const double attended = 8.5 * 2 * (8 + 8);
  EXPECT_DOUBLE_EQ(plan.flops_per_token, 6 * (products + attended));
  EXPECT_EQ(plan.parameters, 4 * 16 * 16 + 3 * 16 * 64 + 16 * vocabulary + 3 * 16);
  std::int64_t sum = 0;
  for (const auto& [part, count] : plan.parts) sum += count;
  EXPECT_EQ(sum, plan.parameters);
  EXPECT_EQ(plan.tokens_per_step, 32);
  EXPECT_EQ(plan.steps, 104);
  EXPECT_GT(plan.seconds_per_step, 0);
  EXPECT_GT(plan.activation_bytes, 0U);
  EXPECT_EQ(plan.parameter_bytes, plan.gradient_bytes);
  EXPECT_EQ(plan.optimizer_bytes, 2 * plan.parameter_bytes);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "tokens"));
}

TEST_F(RunTraining, BudgetsBecomeSteps) {
  const auto steps = [&](const std::vector<std::string>& budget, double seconds) {
    return planned_steps(request("runs", budget).recipe, seconds);
  };
  EXPECT_EQ(steps({"budget.steps=10"}, 0), 10);
  EXPECT_EQ(steps({"budget.steps=10", "budget.tokens=64"}, 0), 2);
  EXPECT_EQ(steps({"budget.steps=0", "budget.minutes=1"}, 1), 56);
  EXPECT_EQ(steps({"budget.steps=5", "budget.minutes=1"}, 1), 5);
  EXPECT_EQ(steps({"budget.steps=0", "budget.minutes=1"}, 1000), 1);
}

}  // namespace
}  // namespace jielong
