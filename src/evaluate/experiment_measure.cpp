#include "evaluate/experiment_measure.h"

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "evaluate/exact_match.h"
#include "evaluate/length_cost.h"
#include "evaluate/perplexity.h"
#include "evaluate/state_similarity.h"
#include "evaluate/task.h"
#include "model/model.h"
#include "model/model_runner.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<Model> ready_model(const fs::path& file, ThreadPool& pool,
                                   std::int64_t context_length = 0) {
  auto model = Model::load(file, {.context_length = context_length});
  model->prepare(pool);
  return model;
}

std::vector<Problem> limited(const fs::path& file, std::int64_t limit) {
  std::vector<Problem> problems = read_problems(file);
  if (limit > 0 && limit < static_cast<std::int64_t>(problems.size())) {
    problems.resize(static_cast<std::size_t>(limit));
  }
  return problems;
}

std::vector<ExperimentPoint> exact_match(const ExperimentMeasure& measure, const fs::path& file,
                                         const fs::path& set_file, ThreadPool& pool,
                                         const OnShare& on_share, const std::atomic<bool>* cancel) {
  const auto model = ready_model(file, pool);
  ModelRunner runner(model, pool, {.kv_type = KvType::f32, .max_chains = measure.batch});
  const ExactMatchOptions options{
      .batch = measure.batch, .max_tokens = measure.max_tokens, .final_only = measure.final_only};
  const OnProblems on_problems = [&](std::int64_t done, std::int64_t all) {
    if (on_share) on_share(static_cast<double>(done) / static_cast<double>(all), measure.name);
  };
  const ExactMatchResult result = measure_exact_match(
      runner, model->tokenizer(), limited(set_file, measure.limit), options, on_problems, cancel);
  std::vector<ExperimentPoint> points{share_point(measure.name, result.all)};
  for (const auto& [group, share] : result.groups) {
    if (!group.empty()) points.push_back(share_point(measure.name, share, group));
  }
  return points;
}

std::vector<ExperimentPoint> similarity(const ExperimentMeasure& measure, const fs::path& file,
                                        const fs::path& set_file, ThreadPool& pool,
                                        const std::atomic<bool>* cancel) {
  const auto model = ready_model(file, pool);
  ModelRunner runner(model, pool);
  std::vector<TextPair> pairs;
  for (Problem& problem : limited(set_file, measure.limit)) {
    pairs.emplace_back(std::move(problem.prompt), std::move(problem.answer));
  }
  std::vector<ExperimentPoint> points;
  for (const StateSimilarity& layer : measure_state_similarity(runner, pairs, cancel)) {
    const std::string group = std::to_string(layer.layer);
    points.push_back(plain_point(measure.name + "_same", layer.same, {}, group));
    points.push_back(plain_point(measure.name + "_other", layer.other, {}, group));
    points.push_back(share_point(measure.name + "_retrieval", layer.retrieval, group));
  }
  return points;
}

std::vector<ExperimentPoint> length_cost(const ExperimentMeasure& measure, const fs::path& file,
                                         ThreadPool& pool, const OnShare& on_share,
                                         const std::atomic<bool>* cancel) {
  const std::int64_t longest = measure.lengths.back();
  // Each length is decoded behind the tokens timed at those before it.
  const std::int64_t context =
      longest + measure.tokens * static_cast<std::int64_t>(measure.lengths.size() + 1);
  const auto model = ready_model(file, pool, context);
  ModelRunner runner(model, pool, {.context_length = context, .max_chains = 1});
  const auto on_length = [&](std::int64_t length) {
    if (on_share) {
      on_share(static_cast<double>(length) / static_cast<double>(longest + 1), measure.name);
    }
  };
  std::vector<ExperimentPoint> points;
  for (const LengthCost& cost :
       measure_length_cost(runner, measure.lengths, measure.tokens, on_length, cancel)) {
    const std::string group = std::to_string(cost.length);
    points.push_back(plain_point(measure.name + "_time", cost.seconds_per_token,
                                 ExperimentUnit::seconds, group));
    points.push_back(plain_point(measure.name + "_memory", static_cast<double>(cost.state_bytes),
                                 ExperimentUnit::bytes, group));
  }
  return points;
}

std::vector<ExperimentPoint> bits_per_byte(const ExperimentMeasure& measure, const fs::path& file,
                                           const fs::path& set_file, ThreadPool& pool,
                                           const std::atomic<bool>* cancel) {
  const auto model = ready_model(file, pool);
  ModelRunner runner(model, pool);
  const PerplexityOptions options{.window = std::min<std::int64_t>(512, runner.context_length()),
                                  .max_windows = measure.limit};
  const PerplexityResult result =
      measure_perplexity(runner, model->tokenizer(), model->tokenizer().encode(read_file(set_file)),
                         options, {}, cancel);
  return {plain_point(measure.name, result.bits_per_byte)};
}

}  // namespace

std::vector<ExperimentPoint> take_measure(const ExperimentMeasure& measure, const fs::path& model,
                                          const fs::path& set_file, ThreadPool& pool,
                                          const OnShare& on_share,
                                          const std::atomic<bool>* cancel) {
  switch (measure.kind) {
    case ExperimentMeasure::Kind::exact_match:
      return exact_match(measure, model, set_file, pool, on_share, cancel);
    case ExperimentMeasure::Kind::similarity:
      return similarity(measure, model, set_file, pool, cancel);
    case ExperimentMeasure::Kind::length_cost:
      return length_cost(measure, model, pool, on_share, cancel);
    case ExperimentMeasure::Kind::bits_per_byte: break;
  }
  return bits_per_byte(measure, model, set_file, pool, cancel);
}

std::vector<ExperimentPoint> count_fact(const std::string& fact) {
  if (fact != "tables") throw bad_input("there is no fact of the name " + fact, "facts");
  const TableSizes sizes = count_tables();
  return {
      plain_point("table_at_once", static_cast<double>(sizes.at_once), ExperimentUnit::count),
      plain_point("table_in_steps", static_cast<double>(sizes.in_steps), ExperimentUnit::count)};
}

}  // namespace jielong
