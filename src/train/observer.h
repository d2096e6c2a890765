#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace jielong {

/// One optimizer step.
struct StepMetrics {
  std::int64_t step = 0;   ///< from 1
  std::int64_t steps = 0;  ///< of the whole run
  double loss = 0;         ///< nats, mean over the step's counted targets
  /// Means of the objective's further sums, by name ("margin"), and "accuracy".
  std::vector<std::pair<std::string, double>> means;
  std::vector<std::pair<std::string, double>> learning_rates;  ///< by group
  double gradient_norm = 0;                                    ///< before clipping
  std::int64_t tokens = 0;  ///< rows of this step, over all ranks
  std::int64_t total_tokens = 0;
  double epochs = 0;
  double seconds = 0;        ///< of this step
  double total_seconds = 0;  ///< of all steps, also before a resumption
  double tokens_per_second = 0;
  double flops_per_second = 0;  ///< 0: unknown (TrainerOptions::flops_per_token)
};

/// A measurement on held-out data.
struct EvaluationMetrics {
  std::int64_t step = 0;
  double loss = 0;           ///< nats, mean over counted targets
  double perplexity = 0;     ///< e^loss; 0 when the objective does not count tokens
  double bits_per_byte = 0;  ///< 0: unknown (TrainerOptions::token_bytes)
  std::vector<std::pair<std::string, double>> means;  ///< as in StepMetrics
  std::int64_t targets = 0;
  double seconds = 0;
  bool best = false;  ///< the lowest loss so far
};

/// A continuation by the model as it is.
struct TrainingSample {
  std::int64_t step = 0;
  std::string prompt, text;
};

/// Hears of everything that happens in a run, on the thread that trains. Does nothing by itself.
/// What it throws ends the run.
class TrainObserver {
 public:
  virtual ~TrainObserver() = default;

  virtual void on_step(const StepMetrics&) {}
  virtual void on_evaluation(const EvaluationMetrics&) {}
  virtual void on_sample(const TrainingSample&) {}
  virtual void on_checkpoint(std::int64_t /*step*/, const std::filesystem::path&) {}
  /// The checkpoint could not be written, for instance because the disk is full. The run goes on
  /// and tries again at the next one; earlier checkpoints are as they were.
  virtual void on_checkpoint_failed(std::int64_t /*step*/, const Error&) {}
  /// Values that are not finite end the run; `tensor` is the first one found, as
  /// "blk.3.ffn_down.weight.out" or "gradient of blk.3.ffn_down.weight".
  virtual void on_not_finite(std::int64_t /*step*/, const std::string& /*tensor*/) {}
  /// The run was asked to stop, and has written its checkpoint.
  virtual void on_stopped(std::int64_t /*step*/) {}
};

}  // namespace jielong
