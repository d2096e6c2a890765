#include "train/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/scratch.h"
#include "small_run.h"
#include "train/training_state.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;
using test::Recorder;
using test::Scratch;
using test::small_options;
using test::SmallRun;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

Checkpoint write(const fs::path& folder, std::int64_t step) {
  return write_checkpoint(folder, step, [](const fs::path& place) {
    write_file(place / "a.txt", "one");
    write_file(place / "b.txt", "two");
  });
}

std::vector<std::int64_t> steps(const fs::path& folder) {
  std::vector<std::int64_t> result;
  for (const Checkpoint& each : list_checkpoints(folder)) result.push_back(each.step);
  return result;
}

std::vector<std::string> names(const fs::path& folder) {
  std::vector<std::string> result;
  for (const auto& entry : fs::directory_iterator(folder)) {
    result.push_back(entry.path().filename().string());
  }
  return result;
}

TEST(Checkpoint, AppearsWithItsMarker) {
  const Scratch scratch;
  const Checkpoint written = write(scratch / "all", 12);
  EXPECT_EQ(written.folder, scratch / "all" / "step-00000012");
  EXPECT_THAT(names(scratch / "all"), ElementsAre("step-00000012"));
  EXPECT_THAT(names(written.folder), UnorderedElementsAre("a.txt", "b.txt", "complete.json"));
  EXPECT_NO_THROW(verify_checkpoint(written));
  const auto files =
      parse_checkpoint_marker(read_file(written.folder / "complete.json"), "complete.json");
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].name, "a.txt");
  EXPECT_EQ(files[0].bytes, 3U);
}

TEST(Checkpoint, AFailureLeavesNothing) {
  const Scratch scratch;
  write(scratch.path(), 1);
  EXPECT_THROW(write_checkpoint(scratch.path(), 2,
                                [](const fs::path& place) {
                                  write_file(place / "a.txt", "one");
                                  throw bad_input("no", "test");
                                }),
               Error);
  EXPECT_THAT(names(scratch.path()), ElementsAre("step-00000001"));
  EXPECT_THROW(write(scratch / "step-00000001" / "a.txt", 2), Error);
}

TEST(Checkpoint, WhatHasNoMarkerIsNone) {
  const Scratch scratch;
  write(scratch.path(), 1);
  fs::create_directories(scratch / "step-00000002");
  fs::create_directories(scratch / ".step-00000003.partial");
  fs::create_directories(scratch / "step-4x");
  write_file(scratch / "step-00000005", "");
  EXPECT_THAT(steps(scratch.path()), ElementsAre(1));
  EXPECT_EQ(newest_checkpoint(scratch.path())->step, 1);
  EXPECT_FALSE(newest_checkpoint(scratch / "none"));
  prune_checkpoints(scratch.path(), 1, {});
  EXPECT_THAT(names(scratch.path()),
              UnorderedElementsAre("step-00000001", "step-4x", "step-00000005"));
}

TEST(Checkpoint, PruningKeepsTheLastAndTheSpared) {
  const Scratch scratch;
  for (const std::int64_t step : {1, 2, 3, 4, 5}) write(scratch.path(), step);
  const std::int64_t best[] = {2};
  prune_checkpoints(scratch.path(), 2, best);
  EXPECT_THAT(steps(scratch.path()), ElementsAre(2, 4, 5));
}

TEST(Checkpoint, DamageIsFound) {
  const Scratch scratch;
  const Checkpoint written = write(scratch.path(), 1);
  std::ofstream(written.folder / "a.txt") << "0ne";
  EXPECT_THROW(verify_checkpoint(written), Error);
  std::ofstream(written.folder / "a.txt") << "on";
  EXPECT_THROW(verify_checkpoint(written), Error);
  fs::remove(written.folder / "a.txt");
  EXPECT_THROW(verify_checkpoint(written), Error);
}

TEST(Checkpoint, MarkersCannotNameOtherFolders) {
  for (const char* name : {"../x", "/etc/passwd", "", "..", "a/b"}) {
    const Json marker = {{"format", 1},
                         {"files", {{{"name", name}, {"bytes", 1}, {"sha256", "00"}}}}};
    EXPECT_THROW(parse_checkpoint_marker(marker.dump(), "test"), Error) << name;
  }
  EXPECT_THROW(parse_checkpoint_marker("[]", "test"), Error);
  EXPECT_THROW(parse_checkpoint_marker("{}", "test"), Error);
}

TEST(Checkpoint, ADamagedOneGivesWayToTheOneBefore) {
  const Scratch scratch;
  auto options = small_options();
  options.checkpoints = scratch.path();
  options.checkpoint_every = 3;
  options.keep_last = 3;
  Recorder whole;
  SmallRun reference(options);
  reference.trainer->run(whole);
  EXPECT_THAT(steps(scratch.path()), ElementsAre(3, 6, 8));
  std::ofstream(scratch / "step-00000008" / "state.json") << "{}";
  SmallRun run(options);
  const auto resumed = run.trainer->resume();
  ASSERT_TRUE(resumed);
  EXPECT_EQ(resumed->checkpoint.step, 6);
  ASSERT_EQ(resumed->skipped.size(), 1U);
  EXPECT_THAT(resumed->skipped[0], testing::HasSubstr("state.json"));
  EXPECT_TRUE(fs::exists(scratch / "damaged-step-00000008"));
  Recorder rest;
  run.trainer->run(rest);
  EXPECT_EQ(run.values(), reference.values());
  EXPECT_EQ(rest.losses().back(), whole.losses().back());
}

TEST(Checkpoint, TheBestIsKept) {
  const Scratch scratch;
  auto options = small_options();
  options.checkpoints = scratch.path();
  options.checkpoint_every = 1;
  options.evaluate_every = 1;
  options.keep_last = 1;
  // A rate that is far too high towards the end.
  options.schedule = {ScheduleKind::constant, 8, 0, 1};
  options.optimizer.learning_rate = 4;
  options.optimizer.weight_decay = 0;
  Recorder recorder;
  SmallRun(options).trainer->run(recorder);
  std::int64_t best = 0;
  double lowest = 1e9;
  for (const auto& each : recorder.evaluations) {
    if (each.loss < lowest) best = each.step;
    lowest = std::min(lowest, each.loss);
  }
  ASSERT_NE(best, 8);
  EXPECT_THAT(steps(scratch.path()), ElementsAre(best, 8));
}

TEST(Checkpoint, HoldsTheRecipe) {
  const Scratch scratch;
  auto options = small_options();
  options.steps = 1;
  options.checkpoints = scratch.path();
  Recorder recorder;
  SmallRun(options).trainer->run(recorder);
  const fs::path folder = newest_checkpoint(scratch.path())->folder;
  EXPECT_EQ(read_file(folder / "recipe.yaml"), "name: small\n");
  EXPECT_THAT(names(folder), UnorderedElementsAre("model.safetensors", "state.safetensors",
                                                  "state.json", "recipe.yaml", "complete.json"));
}

TEST(TrainingState, KeepsEveryBit) {
  TrainingState state;
  state.step = 7;
  state.updates = 6;
  state.tokens = 1LL << 50;
  state.seconds = 0.1;
  state.best_loss = 1.0 / 3;
  state.best_checkpoint = 4;
  state.model = "model.gguf";
  state.data_position = R"({"a":[1,2]})";
  const TrainingState read = parse_training_state(write_training_state(state), "test");
  EXPECT_EQ(read.step, 7);
  EXPECT_EQ(read.updates, 6);
  EXPECT_EQ(read.tokens, 1LL << 50);
  EXPECT_EQ(read.seconds, 0.1);
  EXPECT_EQ(read.best_loss, 1.0 / 3);
  EXPECT_EQ(read.best_checkpoint_loss, std::nullopt);
  EXPECT_EQ(read.best_checkpoint, 4);
  EXPECT_EQ(read.data_position, state.data_position);
}

TEST(TrainingState, RefusesEverythingElse) {
  TrainingState state;
  state.model = "model.gguf";
  state.data_position = "{}";
  const Json good = parse_json(write_training_state(state), "test");
  EXPECT_NO_THROW(parse_training_state(good.dump(), "test"));
  for (const auto& [key, value] : good.items()) {
    Json bad = good;
    bad.erase(key);
    EXPECT_THROW(parse_training_state(bad.dump(), "test"), Error) << key;
    if (key == "data_position") continue;  // whatever the source says
    bad[key] = Json::array();
    EXPECT_THROW(parse_training_state(bad.dump(), "test"), Error) << key;
  }
  for (const char* name : {"", "../model.gguf", ".", "a/b"}) {
    Json bad = good;
    bad["model"] = name;
    EXPECT_THROW(parse_training_state(bad.dump(), "test"), Error) << name;
  }
  Json bad = good;
  bad["step"] = -1;
  EXPECT_THROW(parse_training_state(bad.dump(), "test"), Error);
}

}  // namespace
}  // namespace jielong
