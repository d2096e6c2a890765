#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/model.h"
#include "tensor/parameters.h"
#include "tensor/pass.h"
#include "train/batch_source.h"

namespace jielong {

/// Sums over a batch, so that they may be added up over a step or a held-out set.
struct ObjectiveResult {
  double loss = 0;     ///< summed, unscaled
  double counted = 0;  ///< what the mean loss is taken over: targets, sequences or pairs
  double correct = 0;  ///< of those, how many the model got right (its best guess, its preference)
  std::vector<double> sums;  ///< those of Objective::sum_names()

  /// `other` may have no further sums, as that of an empty batch.
  void add(const ObjectiveResult& other);
};

/// What training makes small.
class Objective {
 public:
  virtual ~Objective() = default;

  /// What of a batch the mean is taken over; known before the pass, because gradients are scaled by
  /// the count of the whole step.
  virtual double counted(const TrainingBatch& batch) const = 0;

  /// Runs the model on the batch. With a tape, carries the gradient of `scale` · loss back to the
  /// parameters as well. A pass without one gives the same numbers.
  virtual ObjectiveResult run(Pass& pass, const TrainingBatch& batch, double scale) = 0;

  /// Further sums over counted things whose means are reported beside the loss ("margin").
  virtual std::vector<std::string> sum_names() const { return {}; }

  /// Whether a counted thing is a token, so that perplexity and bits per byte mean something.
  virtual bool counts_tokens() const { return true; }
};

/// How a model runs in every pass of an objective.
struct PassSettings {
  /// Weight of the experts' load-balancing loss, of mixtures only; its mean is reported as
  /// "balance".
  double balance = 0;
  /// So many residual sublayers at a time keep only their input and run again for their gradients;
  /// 0: all keep what they compute.
  std::int64_t checkpoint_residuals = 0;
};

/// An objective of a model's hidden states.
class ModelObjective : public Objective {
 public:
  std::vector<std::string> sum_names() const override;

 protected:
  /// Throws Error(unsupported) when `needs_head` and there is no head over the vocabulary.
  ModelObjective(std::shared_ptr<const Model> model, const PassSettings& settings, bool needs_head);

  const Stack& stack() const { return model_->stack(); }
  /// Hidden states (output_rows, channels) of a pass that counts for `counted` · `scale` of the
  /// mean loss.
  Tensor hidden(ModelPass& pass, double counted, double scale) const;
  /// Ends a pass: carries gradients back, and counts the balance loss.
  void finish(ModelPass& pass, ObjectiveResult& result) const;

  std::shared_ptr<const Model> model_;

 private:
  PassSettings settings_;
};

/// −log p(target) at every row that has a target: next tokens, masked tokens, or the answers of
/// instructions, whichever rows the source gives targets to. Encoders predict with their token
/// embedding.
class TokenObjective : public ModelObjective {
 public:
  explicit TokenObjective(std::shared_ptr<const Model> model, const PassSettings& settings = {});

  double counted(const TrainingBatch& batch) const override;
  ObjectiveResult run(Pass& pass, const TrainingBatch& batch, double scale) override;
};

/// −log p(label) of whole sequences: a linear head on the hidden state of the last row (of the
/// first one in encoders, which see both ways).
class ClassificationObjective : public ModelObjective {
 public:
  /// Adds "cls.output.weight" (classes, channels) and "cls.output.bias" to `parameters`, unless
  /// they are there: normal with deviation 0.02 from `seed`, and zero.
  ClassificationObjective(std::shared_ptr<const Model> model, Parameters& parameters,
                          std::int64_t classes, std::uint64_t seed,
                          const PassSettings& settings = {});

  double counted(const TrainingBatch& batch) const override;
  ObjectiveResult run(Pass& pass, const TrainingBatch& batch, double scale) override;
  bool counts_tokens() const override { return false; }

 private:
  Linear head_;
};

/// Direct preference optimisation (Rafailov et al. 2023): sequences 2i and 2i + 1 of a batch are
/// the chosen and the rejected answer to one prompt, with targets at the answers' tokens;
///   loss = −log σ(β · (log π(chosen)/ref(chosen) − log π(rejected)/ref(rejected))).
/// Sums: "margin" (β times the difference of log-ratios), "chosen" and "rejected" (β · log-ratios).
class DpoObjective : public ModelObjective {
 public:
  /// @param reference the model as it was at the start; never changed, may be quantized, prepared
  DpoObjective(std::shared_ptr<const Model> model, std::shared_ptr<const Model> reference,
               double beta, const PassSettings& settings = {});

  double counted(const TrainingBatch& batch) const override;
  ObjectiveResult run(Pass& pass, const TrainingBatch& batch, double scale) override;
  std::vector<std::string> sum_names() const override;
  bool counts_tokens() const override { return false; }

 private:
  std::shared_ptr<const Model> reference_;
  double beta_;
};

}  // namespace jielong
