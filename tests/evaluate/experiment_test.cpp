#include "evaluate/experiment.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "evaluate/experiment_result.h"
#include "evaluate/experiment_run.h"
#include "facade/tiny_model.h"

namespace jielong {
namespace {

constexpr const char* kExperiment = R"(
title: Deep against wide
claim: Deep is easy.
seeds: [1, 2]
sets:
  learn: {task: addition, count: 20, largest: 2, part: train, test_share: 0.5}
  test: {task: addition, count: 6, largest: 2, part: test, test_share: 0.5}
set:
  data.sources.0.path: "{set:learn}"
measures:
  accuracy: {kind: exact-match, set: test, batch: 4}
variants:
  base: {shown: false}
  deep: {label: 2 layers, x: 2, set: {model.layers: 2}}
  tuned:
    x: 1
    series: tuned ones
    set: {model.from: "{model:base}"}
    measures: {accuracy: {limit: 3}}
facts: [tables]
expected: {table_at_once: 1000, table_in_steps: 290}
chart: {kind: bars, quantity: accuracy, y_label: exact answers}
table:
  - {title: parameters, quantity: parameters}
  - {title: accuracy, quantity: accuracy}
small:
  seeds: [3]
  variants: [deep]
  set: {budget.steps: 3}
  sets: {test: {count: 2}}
  measures: {accuracy: {limit: 1}}
)";

constexpr const char* kRecipe = R"(
data: {sources: [{path: learn.jsonl}]}
budget: {steps: 5}
)";

class ExperimentTest : public testing::Test {
 protected:
  ExperimentTest() { write_file(folder_ / "recipe.yaml", kRecipe); }

  Experiment read(const std::string& yaml = kExperiment, bool small = false) {
    return parse_experiment(yaml, folder_.path(), small);
  }

  std::string problem_with(const std::string& what, const std::string& by) {
    std::string yaml = kExperiment;
    yaml.replace(yaml.find(what), what.size(), by);
    try {
      read(yaml);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  /// "Trains" by handing out a random model; keeps what it was asked for.
  ExperimentParts parts() {
    ExperimentParts parts;
    parts.work = folder_ / "work";
    parts.train = [this](const Recipe& recipe, const std::filesystem::path& folder,
                         const OnShare& on_share, const std::atomic<bool>*) {
      trained_.push_back(recipe);
      EXPECT_TRUE(std::filesystem::is_directory(folder));
      if (on_share) on_share(0.5, "half");
      return TrainedModel{
          tiny_.path(),
          {plain_point("parameters", 1000, ExperimentUnit::count), plain_point("first_loss", 3),
           plain_point("last_loss", static_cast<double>(recipe.seed))}};
    };
    return parts;
  }

  test::Scratch folder_;
  test::TinyModel tiny_;
  ThreadPool pool_{2};
  std::vector<Recipe> trained_;
};

TEST_F(ExperimentTest, ReadsAllOfIt) {
  const Experiment experiment = read();
  EXPECT_EQ(experiment.title, "Deep against wide");
  EXPECT_EQ(experiment.seeds, (std::vector<std::int64_t>{1, 2}));
  ASSERT_EQ(experiment.variants.size(), 3U);
  EXPECT_EQ(experiment.variants[0].name, "base");
  EXPECT_EQ(experiment.variants[1].series, "2 layers");
  EXPECT_EQ(experiment.variants[2].measures[0].limit, 3);
  EXPECT_EQ(experiment.variants[2].settings[0].second, "\"{set:learn}\"");
  EXPECT_EQ(experiment.set("test").made.count, 6);
  EXPECT_EQ(experiment.expected.at("table_at_once"), 1000);
}

TEST_F(ExperimentTest, SmallVariantChangesWhatItNames) {
  const Experiment experiment = read(kExperiment, true);
  EXPECT_EQ(experiment.seeds, (std::vector<std::int64_t>{3}));
  ASSERT_EQ(experiment.variants.size(), 1U);
  EXPECT_EQ(experiment.variants[0].settings.back().first, "budget.steps");
  EXPECT_EQ(experiment.variants[0].measures[0].limit, 1);
  EXPECT_EQ(experiment.set("test").made.count, 2);
  EXPECT_EQ(experiment.set("test").made.largest, 2);
}

TEST_F(ExperimentTest, MistakesAreNamedWithTheirLine) {
  EXPECT_NE(problem_with("title:", "titel:").find("did you mean \"title\"?"), std::string::npos);
  EXPECT_NE(problem_with("title: Deep", "title: [").find("experiment.yaml:"), std::string::npos);
  EXPECT_NE(problem_with("set: test, batch", "set: tset, batch").find("no set"), std::string::npos);
  EXPECT_NE(problem_with("{model:base}", "{model:other}").find("no variant"), std::string::npos);
  EXPECT_NE(problem_with("{model:base}", "{model:tuned}").find("each other"), std::string::npos);
  EXPECT_NE(problem_with("task: addition", "task: adition").find("addition"), std::string::npos);
  EXPECT_NE(problem_with("kind: bars", "kind: pies").find("lines, bars"), std::string::npos);
  EXPECT_NE(problem_with("variants: [deep]", "variants: [dep]").find("\"dep\""), std::string::npos);
  EXPECT_NE(problem_with("x: 2", "x: two").find("experiment.yaml:14"), std::string::npos);
  EXPECT_NE(problem_with("facts: [tables]", "facts: [chairs]").find("chairs"), std::string::npos);
}

TEST_F(ExperimentTest, RunsOnlyWhatIsNotThereYet) {
  const Experiment experiment = read();
  const auto runs = run_experiment(experiment, pool_, parts());
  EXPECT_EQ(trained_.size(), 6U);  // three variants, two seeds
  ASSERT_EQ(runs.size(), 4U);      // one of them is not shown
  EXPECT_EQ(runs[0].variant, "deep");
  EXPECT_EQ(runs[1].seed, 2);
  for (const Recipe& recipe : trained_) {
    EXPECT_NE(recipe.data.sources[0].path.find("learn-"), std::string::npos);
  }
  EXPECT_EQ(run_experiment(experiment, pool_, parts()).size(), 4U);
  EXPECT_EQ(trained_.size(), 6U);

  // What depends on a change runs again, and nothing else does.
  std::string changed = kExperiment;
  changed.replace(changed.find("model.layers: 2"), 15, "model.layers: 4");
  run_experiment(read(changed), pool_, parts());
  EXPECT_EQ(trained_.size(), 8U);
  EXPECT_EQ(trained_.back().model.layers, 4);
}

TEST_F(ExperimentTest, RunsAgainWhenTheDataOfARecipeChanges) {
  std::string yaml = kExperiment;
  const std::string set = "set:\n  data.sources.0.path: \"{set:learn}\"\n";
  yaml.erase(yaml.find(set), set.size());
  write_file(folder_ / "learn.jsonl", "{}");
  run_experiment(read(yaml), pool_, parts());
  const std::size_t first = trained_.size();
  run_experiment(read(yaml), pool_, parts());
  EXPECT_EQ(trained_.size(), first);
  write_file(folder_ / "learn.jsonl", "{} ");
  run_experiment(read(yaml), pool_, parts());
  EXPECT_EQ(trained_.size(), 2 * first);
}

TEST_F(ExperimentTest, OnlyOneVariantAndItsBeginning) {
  ExperimentParts some = parts();
  some.only = {"tuned"};
  double share = 0;
  some.on_progress = [&](const ExperimentProgress& progress) {
    EXPECT_EQ(progress.runs, 4);
    EXPECT_GE(progress.share, share);
    share = progress.share;
  };
  const auto runs = run_experiment(read(), pool_, some);
  EXPECT_EQ(runs.size(), 2U);
  EXPECT_EQ(trained_.size(), 4U);
  EXPECT_GT(share, 0.5);
  EXPECT_EQ(trained_[1].model.from.find(tiny_.path()), std::string::npos);
  EXPECT_NE(trained_[2].model.from, "");
  some.only = {"nothing"};
  EXPECT_THROW(run_experiment(read(), pool_, some), Error);
}

TEST_F(ExperimentTest, SummarisesOverSeeds) {
  const Experiment experiment = read();
  const ExperimentResult result(experiment, count_fact("tables"),
                                run_experiment(experiment, pool_, parts()));
  const auto loss = result.value("deep", "last_loss");
  ASSERT_TRUE(loss.has_value());
  EXPECT_EQ(loss->mean, 1.5);
  EXPECT_EQ(loss->low, 1);
  EXPECT_EQ(loss->high, 2);
  EXPECT_EQ(loss->seeds, 2);
  EXPECT_FALSE(result.value("deep", "nothing").has_value());
  EXPECT_EQ(result.groups("deep", "accuracy"), (std::vector<std::string>{"1", "2"}));

  const auto table = result.table();
  ASSERT_EQ(table.size(), 3U);
  EXPECT_EQ(table[0], (std::vector<std::string>{"variant", "parameters", "accuracy"}));
  EXPECT_EQ(table[1][0], "2 layers");
  EXPECT_EQ(table[1][1], "1k");
  EXPECT_NE(result.markdown().find("| 2 layers | 1k |"), std::string::npos);
  const OrderedJson json = result.json();
  EXPECT_EQ(json.at("facts").at(0).at("value").get<double>(), 1000);
  EXPECT_EQ(json.at("variants").size(), 2U);
  EXPECT_EQ(json.at("runs").size(), 4U);
}

TEST_F(ExperimentTest, DrawsBarsAndLines) {
  const auto runs = run_experiment(read(), pool_, parts());
  const Experiment bars = read();
  const std::string drawn = ExperimentResult(bars, {}, runs).svg();
  EXPECT_NE(drawn.find("xmlns=\"http://www.w3.org/2000/svg\""), std::string::npos);
  EXPECT_NE(drawn.find("2 layers"), std::string::npos);
  EXPECT_NE(drawn.find("<title id="), std::string::npos);
  EXPECT_NE(drawn.find("prefers-color-scheme: dark"), std::string::npos);

  std::string yaml = kExperiment;
  yaml.replace(yaml.find("kind: bars"), 10, "by_group: true, kind: lines");
  const Experiment lines = read(yaml);
  const std::string line = ExperimentResult(lines, {}, runs).svg();
  EXPECT_NE(line.find("class=\"line c1\""), std::string::npos);
  EXPECT_NE(line.find("tuned ones"), std::string::npos);
}

TEST_F(ExperimentTest, ChecksWhatMustHold) {
  const Experiment experiment = read();
  const auto facts = count_fact("tables");
  std::vector<ExperimentRun> runs{
      {"deep", 1, {plain_point("first_loss", 2), plain_point("last_loss", 1)}}};
  EXPECT_NO_THROW(check_experiment(experiment, facts, runs));
  EXPECT_THROW(check_experiment(experiment, {}, runs), Error);  // nothing counts the tables
  runs[0].points[1].value = 2;
  EXPECT_THROW(check_experiment(experiment, facts, runs), Error);
  runs[0].points[1].value = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(check_experiment(experiment, facts, runs), Error);
}

TEST(ExperimentPoint, ComesBackFromJson) {
  const std::vector<ExperimentPoint> points{share_point("accuracy", {3, 4}, "2"),
                                            plain_point("time", 1e-5, ExperimentUnit::seconds)};
  const auto back = parse_points(parse_json(points_json(points).dump(), "points"), "points");
  ASSERT_EQ(back.size(), 2U);
  EXPECT_EQ(back[0].group, "2");
  EXPECT_EQ(back[0].low, points[0].low);
  EXPECT_EQ(back[1].unit, ExperimentUnit::seconds);
  EXPECT_EQ(back[1].high, 1e-5);
  EXPECT_THROW(parse_points(parse_json("[1]", "points"), "points"), Error);
}

TEST(ExperimentPoint, ShowsQuantities) {
  EXPECT_EQ(show_quantity(0.9731, ExperimentUnit::share), "97.3 %");
  EXPECT_EQ(show_quantity(12300, ExperimentUnit::count), "12.3k");
  EXPECT_EQ(show_quantity(3.42e-5, ExperimentUnit::seconds), "34.2 µs");
  EXPECT_EQ(show_quantity(65536, ExperimentUnit::bytes), "64.0 KiB");
  EXPECT_EQ(show_quantity(0.41234, ExperimentUnit::plain), "0.412");
}

}  // namespace
}  // namespace jielong
