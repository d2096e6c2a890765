#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "train/run_folder.h"

namespace jielong {

/// Keeps a run's folder: its recipe, every step, evaluation and sample, and a report that is
/// written anew at each evaluation. A disk that fails or is full costs records, not the run.
class RunRecorder : public TrainObserver {
 public:
  /// Makes the folder runs/<recipe>-<date>. Throws Error when that is impossible.
  static RunRecorder create(const std::filesystem::path& runs, const Recipe& recipe, RunInfo info);
  /// Goes on with a run, whose later records are forgotten once restart_after() tells from where.
  /// Throws Error(limit) when somebody is at it.
  static RunRecorder resume(const std::filesystem::path& folder, const Recipe& recipe,
                            RunInfo info);

  RunRecorder(RunRecorder&& other) noexcept;
  RunRecorder& operator=(RunRecorder&&) = delete;
  ~RunRecorder() override;

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path checkpoints() const { return folder_ / "checkpoints"; }
  const RunInfo& info() const { return info_; }

  /// Drops the records of steps after `step`, which will be made again.
  void restart_after(std::int64_t step);
  /// Changes what the folder tells of the run.
  void update(const std::function<void(RunInfo&)>& change);
  /// The last word: "finished", "stopped" or "failed" with its problem. Writes the report.
  void finish(const std::string& state, const std::string& problem = {});
  void write_report();

  void on_step(const StepMetrics& metrics) override;
  void on_evaluation(const EvaluationMetrics& metrics) override;
  void on_sample(const TrainingSample& sample) override;
  void on_not_finite(std::int64_t step, const std::string& tensor) override;

  /// What could not be written, once; empty otherwise.
  const std::string& trouble() const { return trouble_; }

 private:
  RunRecorder(std::filesystem::path folder, RunInfo info);
  void lock();
  void append(const char* name, const OrderedJson& record);
  void write_info();
  /// Runs `write`, and keeps what it throws as trouble.
  void try_to(const std::function<void()>& write);

  std::filesystem::path folder_;
  RunInfo info_;
  RunRecordReader reader_;  ///< for the report: reads only what is new
  int lock_ = -1;
  bool report_is_old_ = false;  ///< samples came after it was written
  bool torn_ = false;           ///< the last line may be incomplete
  std::string trouble_;
};

}  // namespace jielong
