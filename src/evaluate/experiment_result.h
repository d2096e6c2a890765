#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "evaluate/experiment.h"
#include "evaluate/experiment_point.h"
#include "evaluate/experiment_run.h"

namespace jielong {

/// A quantity of a variant over its seeds.
struct ExperimentValue {
  double mean = 0;
  /// The least and the most over the seeds; of one seed its confidence interval.
  double low = 0, high = 0;
  std::int64_t seeds = 0;
  ExperimentUnit unit = ExperimentUnit::plain;
};

/// What came out of an experiment, to be kept and looked at.
class ExperimentResult {
 public:
  ExperimentResult(const Experiment& experiment, std::vector<ExperimentPoint> facts,
                   std::vector<ExperimentRun> runs);

  const std::vector<ExperimentPoint>& facts() const { return facts_; }
  const std::vector<ExperimentRun>& runs() const { return runs_; }

  /// Nothing when the variant was not run or has no such quantity.
  std::optional<ExperimentValue> value(const std::string& variant, const std::string& quantity,
                                       const std::string& group = {}) const;
  /// The groups that a quantity has, in order (group_before()).
  std::vector<std::string> groups(const std::string& variant, const std::string& quantity) const;

  /// result.json: the summary by variant, every run's points, and the machine.
  OrderedJson json() const;
  /// The experiment's table, a header and a row for each variant that was run.
  std::vector<std::vector<std::string>> table() const;
  /// The same as Markdown.
  std::string markdown() const;
  /// The experiment's chart as a file of its own, in light or dark as the reader has it.
  std::string svg() const;

 private:
  const Experiment* experiment_;
  std::vector<ExperimentPoint> facts_;
  std::vector<ExperimentRun> runs_;
};

}  // namespace jielong
