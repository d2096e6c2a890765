#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "evaluate/experiment.h"
#include "evaluate/experiment_point.h"

namespace jielong {

/// How far something is, 0 … 1, and a word about it.
using OnShare = std::function<void(double share, const std::string& text)>;

/// Takes one measurement of a trained model, from its file. @param set_file the file of the
/// measure's set. Throws Error(cancelled) once `cancel` is true.
std::vector<ExperimentPoint> take_measure(const ExperimentMeasure& measure,
                                          const std::filesystem::path& model,
                                          const std::filesystem::path& set_file, ThreadPool& pool,
                                          const OnShare& on_share = {},
                                          const std::atomic<bool>* cancel = nullptr);

/// What can be counted without a model: Experiment::facts.
std::vector<ExperimentPoint> count_fact(const std::string& fact);

}  // namespace jielong
