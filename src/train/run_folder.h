#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "train/observer.h"
#include "train/recipe.h"

namespace jielong {

/// A training run is a folder below runs_folder():
///
///     stories-2026-11-25-1430/
///       recipe.yaml     what was asked for, with every default
///       run.json        RunInfo
///       metrics.jsonl   one record a step or evaluation
///       samples.jsonl   one record a sample
///       checkpoints/    see checkpoint.h
///       report.html     all of it to look at
///       lock            locked by who trains, so that others see whether it still does
std::filesystem::path runs_folder();

/// What a run is, as its folder tells.
struct RunInfo {
  std::string name;    ///< of the folder
  std::string recipe;  ///< the recipe's name
  std::string about;
  /// "running", "finished", "stopped" (on request), "failed", or "interrupted": it was running, and
  /// nobody is at it any more.
  std::string state = "running";
  std::string problem;                  ///< why it failed
  std::string version;                  ///< of the program, as git describes it
  std::int64_t started = 0, ended = 0;  ///< seconds since 1970; 0: not yet
  std::int64_t seed = 0;
  std::int64_t steps = 0;  ///< planned
  std::int64_t parameters = 0;
  std::string processor, kernels, precision;
  std::int64_t threads = 0, memory_bytes = 0;
  double flops_per_token = 0;  ///< forward and backward; 0: unknown
  double peak_flops = 0;       ///< what the threads can do at most, measured; 0: unknown
};

OrderedJson run_info_json(const RunInfo& info);
RunInfo parse_run_info(std::string_view json, const std::string& where);

/// A step as a line of metrics.jsonl.
struct StepRecord {
  std::int64_t step = 0, total_tokens = 0;
  double loss = 0, learning_rate = 0, gradient_norm = 0;
  double tokens_per_second = 0, peak_share = 0, seconds = 0, epochs = 0;
};

struct RunRecords {
  std::vector<StepRecord> steps;
  std::vector<EvaluationMetrics> evaluations;
  std::vector<TrainingSample> samples;
};

/// At most `most` steps, each the mean of neighbours and with the number of the last of them.
std::vector<StepRecord> thinned(const std::vector<StepRecord>& steps, std::size_t most);

/// A run in a few figures, for lists: its name, RunInfo, and the last of each record.
OrderedJson run_summary_json(const RunInfo& info, const RunRecords& records);

/// Reads a run's records, and later only what has been added. Lines that are no records, as a
/// crash or a full disk leave them, are passed over.
class RunRecordReader {
 public:
  explicit RunRecordReader(std::filesystem::path folder) : folder_(std::move(folder)) {}
  const RunRecords& update();

 private:
  struct Tail {
    std::uint64_t offset = 0, file = 0;  ///< bytes read, and of which inode
  };
  void update(Tail& tail, const char* name);
  void take(std::string_view line);

  std::filesystem::path folder_;
  RunRecords records_;
  Tail metrics_, samples_;
};

/// All runs of a folder, the newest first. Folders that are no runs are passed over.
std::vector<RunInfo> list_runs(const std::filesystem::path& runs);
/// The run of that name; with a recipe's name or the beginning of a run's, the newest such run.
/// Nothing when there is none; names cannot leave the folder.
std::optional<RunInfo> find_run(const std::filesystem::path& runs, const std::string& name);
/// Reads run.json, and whether somebody is still at it. Throws Error.
RunInfo read_run(const std::filesystem::path& folder);

}  // namespace jielong
