#include "train/objective.h"

#include <fmt/format.h>

#include "base/error.h"
#include "tensor/ops/cross_entropy.h"
#include "tensor/tape.h"
#include "train/counted_rows.h"

namespace jielong {

void ObjectiveResult::add(const ObjectiveResult& other) {
  loss += other.loss;
  counted += other.counted;
  correct += other.correct;
  if (sums.size() < other.sums.size()) sums.resize(other.sums.size());
  for (std::size_t i = 0; i < other.sums.size(); ++i) sums[i] += other.sums[i];
}

CountedRows::CountedRows(const TrainingBatch& batch) {
  const Batch& rows = batch.rows;
  std::size_t current = 0;
  for (const std::int64_t row : rows.output_rows) {
    const auto behind = [&] {
      return rows.sequences[current].first_row + rows.sequences[current].count <= row;
    };
    while (current < rows.sequences.size() && behind()) ++current;
    if (current == rows.sequences.size() || batch.targets.size() != rows.tokens.size() ||
        batch.targets[static_cast<std::size_t>(row)] == TrainingBatch::kNoTarget) {
      throw Error(ErrorKind::internal, fmt::format("row {} has no target", row), "training batch");
    }
    targets.push_back(batch.targets[static_cast<std::size_t>(row)]);
    sequence.push_back(static_cast<std::int32_t>(current));
  }
}

ModelObjective::ModelObjective(std::shared_ptr<const Model> model, const PassSettings& settings,
                               bool needs_head)
    : model_(std::move(model)), settings_(settings) {
  if (needs_head && !model_->generates()) {
    throw Error(ErrorKind::unsupported, "has no head over its vocabulary", model_->path().string(),
                "train it to classify sequences");
  }
}

std::vector<std::string> ModelObjective::sum_names() const {
  return settings_.balance > 0 ? std::vector<std::string>{"balance"} : std::vector<std::string>{};
}

Tensor ModelObjective::hidden(ModelPass& pass, double counted, double scale) const {
  // The balance is a mean over rows already: each pass's counts as much as its part of the loss.
  pass.balance_weight = static_cast<float>(settings_.balance * counted * scale);
  if (pass.pass.tape() != nullptr) pass.checkpoint_residuals = settings_.checkpoint_residuals;
  return stack().hidden(pass);
}

void ModelObjective::finish(ModelPass& pass, ObjectiveResult& result) const {
  if (settings_.balance > 0) result.sums.push_back(pass.balance_loss * result.counted);
  if (pass.pass.tape() != nullptr) pass.pass.tape()->backward();
}

namespace {

/// The head; or of encoders, which have none, the token embedding, as of BERT's masked language
/// model behind a transform that files do not carry.
Linear predictor(const Stack& stack) {
  if (stack.head) return stack.head;
  Linear tied;
  tied.weight = stack.tokens;
  return tied;
}

}  // namespace

TokenObjective::TokenObjective(std::shared_ptr<const Model> model, const PassSettings& settings)
    : ModelObjective(std::move(model), settings, false) {}

double TokenObjective::counted(const TrainingBatch& batch) const {
  return static_cast<double>(batch.counted_targets());
}

ObjectiveResult TokenObjective::run(Pass& pass, const TrainingBatch& batch, double scale) {
  const CountedRows rows(batch);
  if (rows.targets.empty()) return {};
  ModelPass model_pass(pass, batch.rows);
  const Tensor states = hidden(model_pass, static_cast<double>(rows.targets.size()), scale);
  PredictionLoss loss;
  loss.targets = rows.targets;
  loss.scale = static_cast<float>(scale);
  loss.soft_cap = stack().logit_soft_cap;
  const PredictionSums sums = cross_entropy(pass, states, predictor(stack()), loss);
  ObjectiveResult result;
  result.loss = sums.loss;
  result.counted = static_cast<double>(sums.counted);
  result.correct = static_cast<double>(sums.correct);
  finish(model_pass, result);
  return result;
}

}  // namespace jielong
