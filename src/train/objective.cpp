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

CountedRows::CountedRows(const TrainingBatch& all) : batch(all.rows) {
  if (all.targets.size() != all.rows.tokens.size()) {
    throw Error(ErrorKind::internal,
                fmt::format("{} targets for {} rows", all.targets.size(), all.rows.tokens.size()),
                "training batch");
  }
  batch.output_rows.clear();
  for (std::size_t i = 0; i < batch.sequences.size(); ++i) {
    const SequenceRows& rows = batch.sequences[i];
    for (std::int64_t row = rows.first_row; row < rows.first_row + rows.count; ++row) {
      const Token target = all.targets[static_cast<std::size_t>(row)];
      if (target == TrainingBatch::kNoTarget) continue;
      batch.output_rows.push_back(row);
      targets.push_back(target);
      sequence.push_back(static_cast<std::int32_t>(i));
    }
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

TokenObjective::TokenObjective(std::shared_ptr<const Model> model, const PassSettings& settings)
    : ModelObjective(std::move(model), settings, true) {}

double TokenObjective::counted(const TrainingBatch& batch) const {
  return static_cast<double>(batch.counted_targets());
}

ObjectiveResult TokenObjective::run(Pass& pass, const TrainingBatch& batch, double scale) {
  const CountedRows rows(batch);
  if (rows.targets.empty()) return {};
  ModelPass model_pass(pass, rows.batch);
  const Tensor states = hidden(model_pass, static_cast<double>(rows.targets.size()), scale);
  PredictionLoss loss;
  loss.targets = rows.targets;
  loss.scale = static_cast<float>(scale);
  loss.soft_cap = stack().logit_soft_cap;
  const PredictionSums sums = cross_entropy(pass, states, stack().head, loss);
  ObjectiveResult result;
  result.loss = sums.loss;
  result.counted = static_cast<double>(sums.counted);
  result.correct = static_cast<double>(sums.correct);
  finish(model_pass, result);
  return result;
}

}  // namespace jielong
