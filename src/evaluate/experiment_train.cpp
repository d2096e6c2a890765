#include "evaluate/experiment_train.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "train/recipe_settings.h"
#include "train/session.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

/// Keeps the losses of the first and of the last tenth of the steps; the first ones also on disk,
/// for when the training is interrupted.
class LossWatch : public TrainObserver {
 public:
  LossWatch(fs::path file, std::int64_t steps, const OnShare& on_share)
      : file_(std::move(file)), tenth_(std::max<std::int64_t>(1, steps / 10)), on_share_(on_share) {
    if (!fs::exists(file_)) return;
    const Json kept = parse_json(read_file(file_, 1 << 16), file_.string());
    if (kept.is_number()) first_ = kept.get<double>();
  }

  void on_step(const StepMetrics& metrics) override {
    last = metrics;
    if (metrics.step <= tenth_) beginning_.push_back(metrics.loss);
    if (metrics.step > metrics.steps - tenth_) end_.push_back(metrics.loss);
    if (metrics.step == tenth_) {
      first_ = mean(beginning_);
      write_file(file_, dump(OrderedJson(*first_)) + "\n");
    }
    if (on_share_) {
      on_share_(
          static_cast<double>(metrics.step) / static_cast<double>(metrics.steps),
          fmt::format("step {} of {}, loss {:.3f}", metrics.step, metrics.steps, metrics.loss));
    }
  }
  void on_not_finite(std::int64_t, const std::string& tensor) override { not_finite = tensor; }

  double first_loss() const { return first_.value_or(mean(beginning_)); }
  double last_loss() const { return mean(end_); }

  StepMetrics last;
  std::string not_finite;  ///< the tensor that ended the training

 private:
  static double mean(const std::vector<double>& values) {
    if (values.empty()) return 0;
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  }

  fs::path file_;
  std::int64_t tenth_;
  const OnShare& on_share_;
  std::optional<double> first_;
  std::vector<double> beginning_, end_;
};

std::vector<ExperimentPoint> held_out_points(Trainer& trainer) {
  const EvaluationMetrics metrics = trainer.evaluate();
  std::vector<ExperimentPoint> points{plain_point("held_out_loss", metrics.loss)};
  if (metrics.bits_per_byte > 0)
    points.push_back(plain_point("bits_per_byte", metrics.bits_per_byte));
  for (const auto& [name, value] : metrics.means) {
    if (name != "accuracy") continue;
    Share share{0, metrics.targets};
    share.hits = static_cast<std::int64_t>(value * static_cast<double>(metrics.targets) + 0.5);
    points.push_back(share_point("held_out_accuracy", share));
  }
  return points;
}

TrainedModel train(const Recipe& recipe, const fs::path& folder, ThreadPool& pool,
                   const OnShare& on_share, const std::atomic<bool>* cancel) {
  TrainingSession::Options options;
  options.tokenizer = folder / "tokenizer";
  options.data = folder / "tokens";
  options.checkpoints = folder / "checkpoints";
  options.steps = planned_steps(recipe, 0);
  const auto progress = [&](std::string_view stage, std::uint64_t, std::uint64_t) {
    if (cancel != nullptr && cancel->load(std::memory_order_relaxed)) {
      throw Error(ErrorKind::cancelled, "the experiment was stopped");
    }
    if (on_share) on_share(0, std::string(stage));
  };
  TrainingSession session(recipe, options, pool, progress);
  Trainer& trainer = session.trainer();
  trainer.resume();
  LossWatch watch(folder / "first_loss.json", options.steps, on_share);
  switch (trainer.run(watch, cancel)) {
    case RunEnd::finished: break;
    case RunEnd::stopped: throw Error(ErrorKind::cancelled, "the experiment was stopped");
    case RunEnd::not_finite:
      throw Error(
          ErrorKind::internal,
          fmt::format("{} was not finite in step {}", watch.not_finite, trainer.steps_done() + 1),
          recipe.name, "lower optimizer.learning_rate or optimizer.clip");
  }
  std::vector<ExperimentPoint> points{
      plain_point("parameters", static_cast<double>(session.model().parameter_count()),
                  ExperimentUnit::count),
      plain_point("train_tokens", static_cast<double>(watch.last.total_tokens),
                  ExperimentUnit::count),
      plain_point("train_seconds", watch.last.total_seconds, ExperimentUnit::seconds),
      plain_point("first_loss", watch.first_loss()), plain_point("last_loss", watch.last_loss())};
  if (session.held_out_tokens() > 0 && trainer.options().evaluate_every > 0) {
    for (ExperimentPoint& point : held_out_points(trainer)) points.push_back(std::move(point));
  }
  TrainedModel trained{folder / "model.gguf", std::move(points)};
  session.save_model(trained.model);
  // What is left is of no more use.
  fs::remove_all(options.data);
  fs::remove_all(options.checkpoints);
  return trained;
}

}  // namespace

TrainRecipe recipe_trainer(ThreadPool& pool) {
  return [&pool](const Recipe& recipe, const fs::path& folder, const OnShare& on_share,
                 const std::atomic<bool>* cancel) {
    return train(recipe, folder, pool, on_share, cancel);
  };
}

}  // namespace jielong
