#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "train/observer.h"
#include "train/recipe.h"
#include "train/run_folder.h"
#include "train/session.h"

namespace jielong {

/// Passes on what it hears, in order.
class ObserverList : public TrainObserver {
 public:
  explicit ObserverList(std::vector<TrainObserver*> observers) : observers_(std::move(observers)) {}

  void on_step(const StepMetrics& metrics) override;
  void on_evaluation(const EvaluationMetrics& metrics) override;
  void on_sample(const TrainingSample& sample) override;
  void on_checkpoint(std::int64_t step, const std::filesystem::path& folder) override;
  void on_checkpoint_failed(std::int64_t step, const Error& error) override;
  void on_not_finite(std::int64_t step, const std::string& tensor) override;
  void on_stopped(std::int64_t step) override;

 private:
  template <typename Tell>
  void each(const Tell& tell) {
    for (TrainObserver* observer : observers_) tell(*observer);
  }
  std::vector<TrainObserver*> observers_;
};

struct RunRequest {
  Recipe recipe;
  std::filesystem::path runs;  ///< where a new run's folder is made
  /// The folder of a run to go on with, from its newest checkpoint; `recipe` is then its own.
  std::optional<std::filesystem::path> resume;
  std::string version;                      ///< of the program
  Communicator* communicator = nullptr;     ///< null: this process alone
  const std::atomic<bool>* stop = nullptr;  ///< once true, a checkpoint is written and the run ends
  TrainingSession::Progress progress;       ///< of what comes before the first step
  /// Called with the run as it begins, before its first step; only by the first of several ranks.
  std::function<void(const RunInfo&, const std::filesystem::path&)> begun;
};

struct RunOutcome {
  RunEnd end = RunEnd::finished;
  RunInfo info;
  std::filesystem::path folder;
  std::filesystem::path model;     ///< the finished model; empty unless `end` is finished
  std::int64_t resumed_from = 0;   ///< step
  std::vector<std::string> notes;  ///< damaged checkpoints, records that could not be written
};

/// A whole training: folder, data, model, steps, report and the finished model in the run's folder.
/// A budget in minutes is turned into steps by a few steps on trial, and written into the recipe.
/// Throws Error; the run's folder then says that it failed, and why.
RunOutcome run_training(const RunRequest& request, ThreadPool& pool, TrainObserver& observer);

}  // namespace jielong
