// `jielong experiment` from end to end: a real training of a few steps, in a folder of its own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "cli/run_program.h"

namespace jielong::test {
namespace {

using testing::HasSubstr;

constexpr const char* kRecipe = R"(
model: {layers: 1, channels: 16, heads: 2, context: 16}
tokenizer: {train: bpe, size: 258}
data: {sources: [{path: learn.jsonl}], fields: {answer: answer}, held_out: 0}
objective: {kind: instruct}
optimizer: {learning_rate: 0.01}
batch: {sequences: 4, length: 16}
budget: {steps: 12}
evaluation: {every: 0}
)";

constexpr const char* kExperiment = R"(
title: Small sums
sets: {learn: {task: sum-of-three}}
set: {data.sources.0.path: "{set:learn}"}
facts: [tables]
expected: {table_at_once: 1000, table_in_steps: 290}
measures: {right: {kind: exact-match, set: learn, limit: 4}}
variants:
  narrow: {}
  wide: {set: {model.channels: 32}}
chart: {quantity: last_loss}
table: [{title: parameters, quantity: parameters}, {title: right, quantity: right}]
small: {variants: [narrow]}
)";

class ExperimentCommand : public testing::Test {
 protected:
  ExperimentCommand() {
    write_file(folder_ / "recipe.yaml", kRecipe);
    write_file(folder_ / "experiment.yaml", kExperiment);
  }
  Outcome run(std::vector<std::string> more) {
    more.insert(more.begin(), {"experiment", folder_.path().string(), "--threads", "1"});
    return program_.run(more);
  }

  Scratch folder_;
  Program program_;
};

TEST_F(ExperimentCommand, TrainsMeasuresAndDraws) {
  const Outcome outcome = run({});
  ASSERT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_THAT(outcome.out, HasSubstr("table_in_steps: 290"));
  EXPECT_THAT(outcome.out, HasSubstr("narrow"));
  EXPECT_THAT(read_file(folder_ / "result.svg"), HasSubstr("<svg xmlns="));
  const std::string result = read_file(folder_ / "result.json");
  EXPECT_EQ(parse_json(result, "result").at("runs").size(), 2U);

  // Everything is there already: the same numbers, also of the time it took.
  ASSERT_EQ(run({}).code, 0);
  EXPECT_EQ(read_file(folder_ / "result.json"), result);
}

TEST_F(ExperimentCommand, SmallResultsAreKeptApart) {
  const Outcome outcome = run({"--small", "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.error;
  const Json json = parse_json(outcome.out, "standard output");
  EXPECT_TRUE(json.at("small").get<bool>());
  EXPECT_EQ(json.at("variants").size(), 1U);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "result.json"));
}

TEST_F(ExperimentCommand, SaysWhatIsWrong) {
  EXPECT_EQ(program_.run({"experiment"}).code, 2);
  const Outcome lost = program_.run({"experiment", "nowhere"});
  EXPECT_EQ(lost.code, 1);
  EXPECT_THAT(lost.error, HasSubstr("fix: name a folder"));
  EXPECT_THAT(run({"--only", "tall"}).error, HasSubstr("no variant \"tall\""));
}

}  // namespace
}  // namespace jielong::test
