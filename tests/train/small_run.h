#pragma once

#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "bigram.h"
#include "train/trainer.h"

namespace jielong::test {

/// Everything that a small training run needs.
struct SmallRun {
  explicit SmallRun(TrainerOptions options, Communicator* communicator = nullptr, int threads = 1)
      : pool(threads) {
    TrainerParts parts;
    parts.held_out = &held_out;
    parts.communicator = communicator;
    trainer = std::make_unique<Trainer>(pool, parameters, bigram, source, std::move(options),
                                        std::move(parts));
  }

  /// All bytes of θ.
  std::vector<float> values() const {
    std::vector<float> all;
    for (const Parameter& parameter : parameters.all()) {
      all.insert(all.end(), parameter.values, parameter.values + parameter.count());
    }
    return all;
  }

  ThreadPool pool;
  Parameters parameters;
  Bigram bigram{parameters};
  CountingSource source{1}, held_out{2};
  std::unique_ptr<Trainer> trainer;
};

inline TrainerOptions small_options() {
  TrainerOptions options;
  options.steps = 8;
  options.sequences = 4;
  options.length = 10;
  options.optimizer.learning_rate = 0.05;
  options.schedule.warmup_steps = 2;
  options.evaluation_sequences = 6;
  options.recipe = "name: small\n";
  return options;
}

/// Remembers what it hears.
struct Recorder : TrainObserver {
  void on_step(const StepMetrics& metrics) override { steps.push_back(metrics); }
  void on_evaluation(const EvaluationMetrics& metrics) override { evaluations.push_back(metrics); }
  void on_sample(const TrainingSample& sample) override { samples.push_back(sample); }
  void on_checkpoint(std::int64_t step, const std::filesystem::path&) override {
    checkpoints.push_back(step);
  }
  void on_checkpoint_failed(std::int64_t step, const Error&) override { failed.push_back(step); }
  void on_not_finite(std::int64_t, const std::string& tensor) override { not_finite = tensor; }
  void on_stopped(std::int64_t step) override { stopped = step; }

  std::vector<double> losses() const {
    std::vector<double> all;
    for (const StepMetrics& step : steps) all.push_back(step.loss);
    return all;
  }

  std::vector<StepMetrics> steps;
  std::vector<EvaluationMetrics> evaluations;
  std::vector<TrainingSample> samples;
  std::vector<std::int64_t> checkpoints, failed;
  std::string not_finite;
  std::int64_t stopped = -1;
};

}  // namespace jielong::test
