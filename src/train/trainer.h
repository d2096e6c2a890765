#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"
#include "tensor/gemm.h"
#include "tensor/parameters.h"
#include "tensor/pass.h"
#include "tensor/tape.h"
#include "train/batch_source.h"
#include "train/checkpoint.h"
#include "train/ema.h"
#include "train/objective.h"
#include "train/observer.h"
#include "train/optimizer.h"
#include "train/parallel/communicator.h"
#include "train/parallel/gradient_exchange.h"
#include "train/schedule.h"
#include "train/state_tensor.h"

namespace jielong {

struct TrainerOptions {
  std::int64_t steps = 1000;  ///< optimizer steps of the whole run
  /// Sequences of one optimizer step, over all passes and ranks.
  std::int64_t sequences = 8;
  /// Sequences of one pass; the step's passes are dealt to the ranks in turn. 0: as many as a rank
  /// has in a step, so that nothing is accumulated.
  std::int64_t pass_sequences = 0;
  std::int64_t length = 256;  ///< the most tokens of a sequence
  Precision precision = Precision::f32;

  std::vector<GroupSettings> groups;  ///< empty: default_groups() of `optimizer`
  OptimizerSettings optimizer;
  ScheduleSettings schedule;
  double clip_norm = 1;  ///< of the gradient of all parameters together; 0: no clipping
  /// The weights' exponential moving average loses 1 − decay a step; 0: none. With one, evaluation,
  /// samples and the finished model use it.
  double ema_decay = 0;

  std::int64_t evaluate_every = 0;  ///< steps; 0: never, not even at the end
  std::int64_t evaluation_sequences = 64;
  std::int64_t sample_every = 0;  ///< steps; 0: never

  std::filesystem::path checkpoints;  ///< the folder of checkpoints; empty: none are written
  std::int64_t checkpoint_every = 0;  ///< steps; 0: only at the end and when stopped
  std::int64_t keep_last = 2;         ///< checkpoints, at least 1
  bool keep_best = true;              ///< keeps that of the lowest held-out loss beside the last
  std::string recipe;                 ///< its text, copied into checkpoints

  double flops_per_token = 0;             ///< forward and backward; for metrics only
  std::vector<std::int32_t> token_bytes;  ///< (vocabulary) for bits per byte; may be empty
};

/// What a run may use besides model, objective and data. All of it must outlive the trainer.
struct TrainerParts {
  BatchSource* held_out = nullptr;
  /// Writes the model as others read it; gets a path without extension and returns that of the file
  /// it wrote ("model" → "model.gguf"). None: parameters go to safetensors under their names.
  std::function<std::filesystem::path(const std::filesystem::path&)> save_model;
  /// Continues some prompts; the trainer fills in the step.
  std::function<std::vector<TrainingSample>()> sample;
  Communicator* communicator = nullptr;  ///< null: this process alone
};

enum class RunEnd : std::uint8_t { finished, stopped, not_finite };

/// A step that gave values which are not finite. `where()` names the first of them.
class NotFinite : public Error {
 public:
  explicit NotFinite(const std::string& tensor)
      : Error(ErrorKind::bad_input, "values are not finite", tensor,
              "lower the learning rate, warm up longer or clip gradients") {}
};

/// The loop that finds θ: data → loss → gradient → optimizer → checkpoint. A run is a function of
/// model, data, options and seeds: the same bytes at any thread count, whether it was interrupted
/// or not. Uses the thread pool of `pool`; one thread at a time.
class Trainer {
 public:
  /// Throws Error(bad_input) for options that cannot be.
  Trainer(ThreadPool& pool, Parameters& parameters, Objective& objective, BatchSource& source,
          TrainerOptions options, TrainerParts parts = {});
  ~Trainer();

  /// Goes on from the newest complete checkpoint of the options' folder, or an older one when that
  /// is damaged; nothing when there is none. Throws Error when it does not fit this model, data or
  /// optimizer.
  struct Resumed {
    Checkpoint checkpoint;
    std::vector<std::string> skipped;  ///< why newer ones were not used
  };
  std::optional<Resumed> resume();

  /// One optimizer step. Throws NotFinite, and leaves θ as it was.
  StepMetrics step();
  /// All steps that are left, with evaluation, samples and checkpoints at their intervals and at
  /// the end. Once `stop` is true (set by a signal handler) the step is finished, a checkpoint is
  /// written, and the run ends. Throws Error(io) when the last checkpoint cannot be written.
  RunEnd run(TrainObserver& observer, const std::atomic<bool>* stop = nullptr);

  /// Mean loss on the held-out source, always on the same passes of it.
  EvaluationMetrics evaluate();
  /// Writes a checkpoint now; returns its folder. All ranks call it; rank 0 writes.
  std::filesystem::path save_checkpoint();

  std::int64_t steps_done() const { return progress_.step; }
  const TrainerOptions& options() const { return options_; }
  Optimizer& optimizer() { return *optimizer_; }
  /// Null without one.
  Ema* ema() { return ema_.get(); }
  /// Bytes of activations and their gradients at the most.
  std::size_t activation_bytes() const;

 private:
  /// How far the run is, as checkpoints keep it.
  struct Progress {
    std::int64_t step = 0;
    std::int64_t tokens = 0;
    double seconds = 0;
    std::optional<double> best_loss;             ///< of all evaluations
    std::optional<double> best_checkpoint_loss;  ///< of those that have a checkpoint
    std::int64_t best_checkpoint = -1;           ///< its step
  };

  int rank() const { return parts_.communicator == nullptr ? 0 : parts_.communicator->rank(); }
  int ranks() const { return parts_.communicator == nullptr ? 1 : parts_.communicator->size(); }
  void sum_over_ranks(std::span<double> values) const;
  bool stop_requested(const std::atomic<bool>* stop) const;

  std::vector<TrainingBatch> next_passes(BatchSource& source, std::int64_t sequences) const;
  ObjectiveResult run_passes(const std::vector<TrainingBatch>& passes, double scale, bool train);
  void add_over_ranks(ObjectiveResult& result) const;
  double gradient_norm() const;
  void update(double gradient_norm);
  std::string first_of_ranks(const std::string& mine) const;
  void check_finite(const std::vector<TrainingBatch>& passes, double loss, double norm);

  bool due(std::int64_t every) const { return every > 0 && progress_.step % every == 0; }
  bool checkpoint_due() const;
  void evaluate_now(TrainObserver& observer);
  void sample_now(TrainObserver& observer);
  void save_now(TrainObserver& observer, bool must);

  std::vector<StateTensor> state_tensors();
  void write_state(const std::filesystem::path& folder, std::vector<StateTensor>& tensors,
                   const std::function<std::span<const float>(std::size_t)>& fetch);
  void read_state(const Checkpoint& checkpoint);
  void prune() const;

  ThreadPool& pool_;
  Parameters& parameters_;
  Objective& objective_;
  BatchSource& source_;
  TrainerOptions options_;
  TrainerParts parts_;
  Workspace workspace_;
  Tape tape_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<Ema> ema_;
  std::unique_ptr<GradientExchange> exchange_;
  std::int64_t pass_sequences_ = 0;
  std::string held_out_start_;  ///< JSON of the held-out source's first position
  Progress progress_;
  std::optional<double> last_loss_;  ///< held-out, of this very step
  std::int64_t saved_step_ = -1, sampled_step_ = -1;
  bool resumed_ = false;
};

}  // namespace jielong
