#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "tensor/ops/cross_entropy.h"
#include "train/counted_rows.h"
#include "train/objective.h"

namespace jielong {
namespace {

PredictionLoss loss_of(const Stack& stack, const CountedRows& rows) {
  PredictionLoss loss;
  loss.targets = rows.targets;
  loss.soft_cap = stack.logit_soft_cap;
  return loss;
}

/// (sequences) log p of each one's targets: Σ over its counted rows.
std::vector<double> log_probabilities(Pass& pass, const Stack& stack, const Tensor& hidden,
                                      const CountedRows& rows, std::size_t sequences) {
  std::vector<float> each(rows.targets.size());
  PredictionLoss loss = loss_of(stack, rows);
  loss.log_probabilities = each;
  cross_entropy(pass, hidden, stack.head, loss);
  std::vector<double> sums(sequences);
  for (std::size_t i = 0; i < each.size(); ++i) {
    sums[static_cast<std::size_t>(rows.sequence[i])] += static_cast<double>(each[i]);
  }
  return sums;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// −log σ(x), without overflow.
double softplus_of_negative(double x) {
  return std::log1p(std::exp(-std::abs(x))) + (x < 0 ? -x : 0.0);
}

}  // namespace

DpoObjective::DpoObjective(std::shared_ptr<const Model> model,
                           std::shared_ptr<const Model> reference, double beta,
                           const PassSettings& settings)
    : ModelObjective(std::move(model), settings, true),
      reference_(std::move(reference)),
      beta_(beta) {
  if (!(beta > 0 && std::isfinite(beta))) {
    throw bad_input("beta must be more than 0", "preferences", "0.1 is usual");
  }
  if (!reference_->generates() || model_->hyper().vocabulary != reference_->hyper().vocabulary) {
    throw bad_input("must continue texts in the same vocabulary as its reference",
                    model_->path().string());
  }
}

std::vector<std::string> DpoObjective::sum_names() const {
  std::vector<std::string> names = {"margin", "chosen", "rejected"};
  for (std::string& name : ModelObjective::sum_names()) names.push_back(std::move(name));
  return names;
}

double DpoObjective::counted(const TrainingBatch& batch) const {
  return static_cast<double>(batch.rows.sequences.size()) / 2;
}

ObjectiveResult DpoObjective::run(Pass& pass, const TrainingBatch& batch, double scale) {
  const CountedRows rows(batch);
  const std::size_t sequences = batch.rows.sequences.size();
  if (sequences % 2 != 0) {
    throw bad_input(fmt::format("{} sequences are no pairs", sequences), "preferences",
                    "let a step and a pass have an even number of sequences");
  }
  Pass plain(pass.workspace(), nullptr, nullptr, pass.precision());
  std::vector<double> reference;
  {
    const ArenaScope scope(pass.arena());
    const Stack& frozen = reference_->stack();
    ModelPass model_pass(plain, batch.rows);
    reference = log_probabilities(plain, frozen, frozen.hidden(model_pass), rows, sequences);
  }
  ModelPass model_pass(pass, batch.rows);
  const Tensor states = hidden(model_pass, counted(batch), scale);
  const std::vector<double> policy = log_probabilities(plain, stack(), states, rows, sequences);

  ObjectiveResult result;
  double margins = 0, chosen_rewards = 0, rejected_rewards = 0;
  std::vector<double> slopes;  // dL/d(−log p) of each pair's chosen answer
  for (std::size_t i = 0; i < sequences; i += 2) {
    const double chosen = beta_ * (policy[i] - reference[i]);
    const double rejected = beta_ * (policy[i + 1] - reference[i + 1]);
    const double margin = chosen - rejected;
    result.loss += softplus_of_negative(margin);
    result.counted += 1;
    if (margin > 0) result.correct += 1;
    margins += margin;
    chosen_rewards += chosen;
    rejected_rewards += rejected;
    slopes.push_back(beta_ * sigmoid(-margin));
  }
  result.sums = {margins, chosen_rewards, rejected_rewards};
  if (pass.tape() != nullptr) {
    std::vector<float> weights;
    for (const std::int32_t sequence : rows.sequence) {
      const double slope = slopes[static_cast<std::size_t>(sequence / 2)];
      weights.push_back(static_cast<float>(sequence % 2 == 0 ? slope : -slope));
    }
    PredictionLoss loss = loss_of(stack(), rows);
    loss.scale = static_cast<float>(scale);
    loss.weights = weights;
    cross_entropy(pass, states, stack().head, loss);
  }
  finish(model_pass, result);
  return result;
}

}  // namespace jielong
