#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "evaluate/experiment.h"
#include "evaluate/experiment_measure.h"
#include "evaluate/experiment_point.h"
#include "train/recipe.h"

namespace jielong {

/// What a training gave: a file that Model::load() reads, and what was seen on the way
/// ("parameters", "first_loss", "last_loss", …).
struct TrainedModel {
  std::filesystem::path model;
  std::vector<ExperimentPoint> points;
};

/// Trains by a recipe, keeping everything in `folder`, where an interrupted training is found again
/// and gone on with. Throws Error(cancelled) once `cancel` is true.
using TrainRecipe =
    std::function<TrainedModel(const Recipe& recipe, const std::filesystem::path& folder,
                               const OnShare& on_share, const std::atomic<bool>* cancel)>;

/// One variant under one seed.
struct ExperimentRun {
  std::string variant;
  std::int64_t seed = 0;
  std::vector<ExperimentPoint> points;
};

struct ExperimentProgress {
  std::int64_t run = 0, runs = 0;  ///< from 0; of how many
  std::string variant;             ///< its label
  std::int64_t seed = 0;
  std::string text;          ///< "step 30 of 400, loss 1.23"
  double share = 0;          ///< of all runs, 0 … 1
  double seconds_left = -1;  ///< negative: unknown yet
};

struct ExperimentParts {
  std::filesystem::path work;  ///< where sets, trainings and measurements are kept
  TrainRecipe train;
  std::vector<std::string> only;  ///< variants to run; empty: all
  std::function<void(const ExperimentProgress&)> on_progress;
  const std::atomic<bool>* cancel = nullptr;
};

/// Runs what is not there yet: a training is known by the hash of its resolved recipe and data, a
/// measurement by that of its training, its settings and its set, so that an experiment that was
/// interrupted or changed goes on with what still holds. Returns the runs of shown variants, by
/// variant and then by seed. Throws Error; what was finished before stays.
std::vector<ExperimentRun> run_experiment(const Experiment& experiment, ThreadPool& pool,
                                          const ExperimentParts& parts);

/// Throws Error naming what does not hold: every value must be finite, the last loss of every
/// training below its first, and `expected` quantities what they should be.
void check_experiment(const Experiment& experiment, const std::vector<ExperimentPoint>& facts,
                      const std::vector<ExperimentRun>& runs);

}  // namespace jielong
