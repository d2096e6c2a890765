#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "base/random.h"
#include "tensor/ops/cross_entropy.h"
#include "train/objective.h"

namespace jielong {
namespace {

constexpr double kDeviation = 0.02;
constexpr std::int64_t kMostClasses = 1 << 20;

/// Normal with kDeviation, by Box and Muller.
void fill_normal(Rng& rng, float* values, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const double radius = std::sqrt(-2 * std::log(1 - rng.uniform()));
    const double angle = 2 * std::numbers::pi * rng.uniform();
    values[i] = static_cast<float>(kDeviation * radius * std::cos(angle));
  }
}

Parameter& find_or_add(Parameters& parameters, const std::string& name, Parameter::Role role,
                       std::int64_t rows, std::int64_t columns, std::uint64_t seed) {
  if (Parameter* found = parameters.find(name)) {
    if (found->rows == rows && found->columns == columns) return *found;
    throw bad_input(fmt::format("is ({}, {}) in the model instead of ({}, {})", found->rows,
                                found->columns, rows, columns),
                    name, "ask for the number of classes that the model was trained for");
  }
  Parameter& added = parameters.add(name, role, rows, columns);
  Rng rng(seed);
  if (role == Parameter::Role::matrix) fill_normal(rng, added.values, added.count());
  return added;
}

}  // namespace

ClassificationObjective::ClassificationObjective(std::shared_ptr<const Model> model,
                                                 Parameters& parameters, std::int64_t classes,
                                                 std::uint64_t seed, const PassSettings& settings)
    : ModelObjective(std::move(model), settings, false) {
  if (classes < 2 || classes > kMostClasses) {
    throw bad_input(fmt::format("{} classes cannot be told apart", classes), "classification",
                    fmt::format("ask for 2 to {}", kMostClasses));
  }
  const std::int64_t channels = model_->hyper().channels;
  const Parameter& weight = find_or_add(parameters, "cls.output.weight", Parameter::Role::matrix,
                                        classes, channels, seed);
  const Parameter& bias =
      find_or_add(parameters, "cls.output.bias", Parameter::Role::vector, 1, classes, seed);
  head_.weight.name = weight.name;
  head_.weight.out = classes;
  head_.weight.in = channels;
  head_.weight.stored =
      std::as_bytes(std::span(weight.values, static_cast<std::size_t>(weight.count())));
  head_.bias.name = bias.name;
  head_.bias.values = std::span(bias.values, static_cast<std::size_t>(bias.count()));
}

double ClassificationObjective::counted(const TrainingBatch& batch) const {
  return static_cast<double>(batch.labels.size());
}

ObjectiveResult ClassificationObjective::run(Pass& pass, const TrainingBatch& batch, double scale) {
  Batch rows = batch.rows;
  if (batch.labels.size() != rows.sequences.size()) {
    throw bad_input(
        fmt::format("{} labels for {} sequences", batch.labels.size(), rows.sequences.size()),
        "classification", "give every text of the data a label");
  }
  // An encoder looks both ways and was trained to sum up in its first token, [CLS].
  const auto& attentions = stack().attentions;
  const bool first = !attentions.empty() && !attentions.front()->params.causal;
  rows.output_rows.clear();
  for (const SequenceRows& sequence : rows.sequences) {
    rows.output_rows.push_back(sequence.first_row + (first ? 0 : sequence.count - 1));
  }
  ModelPass model_pass(pass, rows);
  const Tensor states = hidden(model_pass, counted(batch), scale);
  PredictionLoss loss;
  loss.targets = batch.labels;
  loss.scale = static_cast<float>(scale);
  const PredictionSums sums = cross_entropy(pass, states, head_, loss);
  ObjectiveResult result;
  result.loss = sums.loss;
  result.counted = static_cast<double>(sums.counted);
  result.correct = static_cast<double>(sums.correct);
  finish(model_pass, result);
  return result;
}

}  // namespace jielong
