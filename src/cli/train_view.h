#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/console.h"
#include "train/run_folder.h"

namespace jielong::cli {

/// What is known of a training at one moment.
struct TrainingGlance {
  StepMetrics last;
  double peak_share = 0;                   ///< 0: unknown
  double held_out = 0, bits_per_byte = 0;  ///< of the last evaluation; 0: none yet
  double seconds_left = -1;                ///< negative: unknown
  std::vector<double> losses;              ///< of the whole run, thinned
};

/// Three lines of at most `columns` columns.
std::vector<std::string> draw_glance(const TrainingGlance& glance, int columns);

/// The values as a row of blocks of eight heights, thinned to `columns` of them.
std::string sparkline(const std::vector<double>& values, int columns);

/// A sparkline of losses: of their logarithms, since most of the fall is at the beginning.
std::string loss_curve(std::vector<double> losses, int columns);

/// "2:05", "1:02:05".
std::string clock_text(double seconds);

/// Shows a training on standard error: on a terminal as lines that are redrawn, with evaluations
/// and samples scrolling by above them; elsewhere as a plain line now and then.
class TrainView : public TrainObserver {
 public:
  explicit TrainView(Console& console);
  TrainView(const TrainView&) = delete;
  TrainView& operator=(const TrainView&) = delete;
  ~TrainView() override;

  /// Before the first step.
  void begin(const RunInfo& info) { peak_flops_ = info.peak_flops; }

  void on_step(const StepMetrics& metrics) override;
  void on_evaluation(const EvaluationMetrics& metrics) override;
  void on_sample(const TrainingSample& sample) override;
  void on_checkpoint(std::int64_t step, const std::filesystem::path& folder) override;
  void on_checkpoint_failed(std::int64_t step, const Error& error) override;
  void on_not_finite(std::int64_t step, const std::string& tensor) override;
  void on_stopped(std::int64_t step) override;

 private:
  using Clock = std::chrono::steady_clock;
  /// Prints a line that stays.
  void say(const std::string& line);
  void erase();
  void draw();
  void keep_loss(double loss);

  Console& console_;
  double peak_flops_ = 0;
  bool live_;
  TrainingGlance glance_;
  std::int64_t losses_each_ = 1, losses_seen_ = 0;  ///< steps that one value stands for
  double loss_sum_ = 0;
  double first_seconds_ = -1;  ///< total_seconds before the first step that was seen
  std::int64_t first_step_ = 0;
  int drawn_ = 0;  ///< lines on the screen
  Clock::time_point last_;
};

}  // namespace jielong::cli
