#include "train/run_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/file.h"
#include "base/scratch.h"
#include "train/run_recorder.h"

namespace jielong {
namespace {

using testing::HasSubstr;

class RunFolder : public testing::Test {
 protected:
  RunFolder() {
    recipe_.name = "toy";
    recipe_.data.sources.emplace_back().path = "/x";
    recipe_.budget.steps = 10;
  }

  RunRecorder create() {
    RunInfo info;
    info.recipe = recipe_.name;
    info.version = "v1";
    info.steps = 10;
    return RunRecorder::create(runs_, recipe_, info);
  }

  static void record(RunRecorder& run, std::int64_t step) {
    StepMetrics metrics;
    metrics.step = step;
    metrics.loss = 1.0 / static_cast<double>(step);
    metrics.learning_rates = {{"all", 0.5}};
    run.on_step(metrics);
    if (step % 5 != 0) return;
    EvaluationMetrics evaluation;
    evaluation.step = step;
    evaluation.loss = 0.25;
    evaluation.means = {{"accuracy", 0.75}};
    run.on_evaluation(evaluation);
    run.on_sample({step, "Once", " upon"});
  }

  test::Scratch scratch_;
  std::filesystem::path runs_ = scratch_ / "runs";
  Recipe recipe_;
};

TEST_F(RunFolder, KeepsWhatHappened) {
  RunRecorder run = create();
  EXPECT_THAT(run.folder().filename().string(), testing::StartsWith("toy-2"));
  for (int step = 1; step <= 5; ++step) record(run, step);
  const RunRecords records = RunRecordReader(run.folder()).update();
  ASSERT_EQ(records.steps.size(), 5U);
  EXPECT_EQ(records.steps[3].loss, 0.25);
  EXPECT_EQ(records.steps[3].learning_rate, 0.5);
  ASSERT_EQ(records.evaluations.size(), 1U);
  EXPECT_EQ(records.evaluations[0].means[0].second, 0.75);
  EXPECT_EQ(records.samples[0].text, " upon");
  EXPECT_THAT(read_file(run.folder() / "report.html"), HasSubstr("held-out accuracy"));
  const Recipe again = read_recipe(run.folder() / "recipe.yaml");
  EXPECT_EQ(write_recipe(again), write_recipe(recipe_));
  EXPECT_EQ(run.trouble(), "");
}

TEST_F(RunFolder, TellsWhoIsStillAtIt) {
  {
    RunRecorder run = create();
    ASSERT_EQ(list_runs(runs_).size(), 1U);
    EXPECT_EQ(list_runs(runs_)[0].state, "running");
    EXPECT_EQ(list_runs(runs_)[0].version, "v1");
    EXPECT_THROW(RunRecorder::resume(run.folder(), recipe_, {}), Error);
  }
  EXPECT_EQ(list_runs(runs_)[0].state, "interrupted");
  {
    RunRecorder run = RunRecorder::resume(runs_ / list_runs(runs_)[0].name, recipe_, {});
    EXPECT_EQ(list_runs(runs_)[0].state, "running");
    run.finish("failed", "it broke");
  }
  EXPECT_EQ(list_runs(runs_)[0].state, "failed");
  EXPECT_EQ(list_runs(runs_)[0].problem, "it broke");
  EXPECT_GT(list_runs(runs_)[0].ended, 0);
}

TEST_F(RunFolder, AResumedRunHasEachStepOnce) {
  std::filesystem::path folder;
  {
    RunRecorder run = create();
    folder = run.folder();
    for (int step = 1; step <= 8; ++step) record(run, step);
  }
  RunRecordReader reader(folder);
  EXPECT_EQ(reader.update().steps.size(), 8U);
  RunRecorder run = RunRecorder::resume(folder, recipe_, {});
  run.restart_after(4);
  EXPECT_EQ(reader.update().steps.size(), 4U);
  EXPECT_TRUE(reader.update().evaluations.empty());
  EXPECT_TRUE(reader.update().samples.empty());
  for (int step = 5; step <= 10; ++step) record(run, step);
  const RunRecords& records = reader.update();
  ASSERT_EQ(records.steps.size(), 10U);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(records.steps[static_cast<std::size_t>(i)].step, i + 1);
  EXPECT_EQ(records.evaluations.size(), 2U);
}

TEST_F(RunFolder, TornAndForeignLinesArePassedOver) {
  RunRecorder run = create();
  record(run, 1);
  std::ofstream(run.folder() / "metrics.jsonl", std::ios::app)
      << "no json\n[1]\n{\"kind\":\"step\",\"step\":\"two\"}\n{\"kind\":\"later\"}\n{\"kind\":\"st";
  RunRecordReader reader(run.folder());
  EXPECT_EQ(reader.update().steps.size(), 2U);
  std::ofstream(run.folder() / "metrics.jsonl", std::ios::app) << "ep\",\"step\":3}\n";
  EXPECT_EQ(reader.update().steps.size(), 3U);
  EXPECT_EQ(reader.update().steps[2].step, 3);
}

TEST_F(RunFolder, ADiskThatFailsCostsRecordsNotTheRun) {
  RunRecorder run = create();
  record(run, 1);
  std::filesystem::remove(run.folder() / "metrics.jsonl");
  std::filesystem::create_directory(run.folder() / "metrics.jsonl");
  EXPECT_NO_THROW(record(run, 2));
  EXPECT_NE(run.trouble(), "");
  EXPECT_NO_THROW(run.finish("finished"));
}

TEST_F(RunFolder, RunsAreFoundByNameRecipeAndBeginning) {
  const std::string first = create().info().name;
  const std::string second = create().info().name;
  EXPECT_NE(first, second);
  EXPECT_EQ(find_run(runs_, first)->name, first);
  EXPECT_TRUE(find_run(runs_, "toy"));
  EXPECT_TRUE(find_run(runs_, first.substr(0, 8)));
  std::filesystem::create_directories(scratch_ / "elsewhere");
  write_file(scratch_ / "elsewhere/run.json", "{}");
  for (const char* name :
       {"", ".", "..", "../elsewhere", "/etc", "nothing", "toy/../../elsewhere"}) {
    EXPECT_FALSE(find_run(runs_, name)) << name;
  }
  EXPECT_TRUE(list_runs(scratch_ / "nowhere").empty());
}

TEST_F(RunFolder, FoldersThatAreNoRunsArePassedOver) {
  std::filesystem::create_directories(runs_ / "a");
  std::filesystem::create_directories(runs_ / "b");
  write_file(runs_ / "b/run.json", "[]");
  std::filesystem::create_directories(runs_ / "c");
  write_file(runs_ / "c/run.json", R"({"state": 5, "steps": "x", "recipe": "kept"})");
  const auto runs = list_runs(runs_);
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].recipe, "kept");
}

}  // namespace
}  // namespace jielong
