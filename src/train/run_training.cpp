#include "train/run_training.h"

#include <memory>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/machine.h"
#include "tensor/isa.h"
#include "train/plan.h"
#include "train/recipe_settings.h"
#include "train/run_recorder.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

int rank_of(const RunRequest& request) {
  return request.communicator == nullptr ? 0 : request.communicator->rank();
}

/// What the first rank has, on all ranks.
void share(Communicator* communicator, std::string& text) {
  if (communicator == nullptr || communicator->size() == 1) return;
  std::uint64_t size = text.size();
  communicator->broadcast(std::as_writable_bytes(std::span(&size, 1)), 0);
  text.resize(size);
  communicator->broadcast(std::as_writable_bytes(std::span(text.data(), text.size())), 0);
}

void share(Communicator* communicator, std::int64_t& number) {
  if (communicator == nullptr || communicator->size() == 1) return;
  communicator->broadcast(std::as_writable_bytes(std::span(&number, 1)), 0);
}

RunInfo describe(const RunRequest& request, const Recipe& recipe, ThreadPool& pool) {
  const Machine machine = inspect_machine();
  RunInfo info;
  info.recipe = recipe.name;
  info.about = recipe.about;
  info.version = request.version;
  info.seed = recipe.seed;
  info.steps = recipe.budget.steps;
  info.processor = machine.processor;
  info.kernels = std::string(name(active_isa()));
  info.precision = recipe.precision;
  info.threads = pool.size();
  info.memory_bytes = static_cast<std::int64_t>(machine.memory_bytes);
  info.peak_flops = peak_flops(precision_of(recipe), pool);
  return info;
}

/// The recipe with its budget as a number of steps.
Recipe with_steps(const RunRequest& request, ThreadPool& pool) {
  Recipe recipe = request.recipe;
  const bool needs_time = recipe.budget.minutes > 0 && !request.resume;
  const double seconds = needs_time ? plan_training(recipe, pool, false).seconds_per_step : 0;
  recipe.budget.steps = planned_steps(recipe, seconds);
  share(request.communicator, recipe.budget.steps);
  return recipe;
}

/// The first rank's part of a run that no other one has.
struct FirstRank {
  std::unique_ptr<RunRecorder> recorder;

  void finish(RunEnd end) {
    if (!recorder) return;
    recorder->finish(end == RunEnd::finished  ? "finished"
                     : end == RunEnd::stopped ? "stopped"
                                              : "failed",
                     recorder->info().problem);
  }
};

}  // namespace

void ObserverList::on_step(const StepMetrics& metrics) {
  each([&](TrainObserver& one) { one.on_step(metrics); });
}
void ObserverList::on_evaluation(const EvaluationMetrics& metrics) {
  each([&](TrainObserver& one) { one.on_evaluation(metrics); });
}
void ObserverList::on_sample(const TrainingSample& sample) {
  each([&](TrainObserver& one) { one.on_sample(sample); });
}
void ObserverList::on_checkpoint(std::int64_t step, const fs::path& folder) {
  each([&](TrainObserver& one) { one.on_checkpoint(step, folder); });
}
void ObserverList::on_checkpoint_failed(std::int64_t step, const Error& error) {
  each([&](TrainObserver& one) { one.on_checkpoint_failed(step, error); });
}
void ObserverList::on_not_finite(std::int64_t step, const std::string& tensor) {
  each([&](TrainObserver& one) { one.on_not_finite(step, tensor); });
}
void ObserverList::on_stopped(std::int64_t step) {
  each([&](TrainObserver& one) { one.on_stopped(step); });
}

RunOutcome run_training(const RunRequest& request, ThreadPool& pool, TrainObserver& observer) {
  const Recipe recipe = with_steps(request, pool);
  RunOutcome outcome;
  FirstRank first;
  std::string folder;
  if (rank_of(request) == 0) {
    RunInfo info = describe(request, recipe, pool);
    first.recorder = std::make_unique<RunRecorder>(
        request.resume ? RunRecorder::resume(*request.resume, recipe, std::move(info))
                       : RunRecorder::create(request.runs, recipe, std::move(info)));
    folder = first.recorder->folder().string();
  }
  share(request.communicator, folder);
  outcome.folder = folder;
  try {
    TrainingSession::Options options;
    options.tokenizer = outcome.folder / "tokenizer";
    options.checkpoints = outcome.folder / "checkpoints";
    options.steps = recipe.budget.steps;
    options.communicator = request.communicator;
    TrainingSession session(recipe, options, pool, request.progress);
    if (request.resume) {
      if (const auto resumed = session.trainer().resume()) {
        outcome.resumed_from = resumed->checkpoint.step;
        outcome.notes = resumed->skipped;
      }
    }
    std::vector<TrainObserver*> observers{&observer};
    if (first.recorder) {
      if (request.resume) first.recorder->restart_after(outcome.resumed_from);
      first.recorder->update([&](RunInfo& info) {
        info.parameters = session.model().parameters()->count();
        info.flops_per_token = session.trainer().options().flops_per_token;
      });
      first.recorder->write_report();
      observers.insert(observers.begin(), first.recorder.get());
      if (request.begun) request.begun(first.recorder->info(), outcome.folder);
    }
    ObserverList all(std::move(observers));
    outcome.end = session.trainer().run(all, request.stop);
    if (outcome.end == RunEnd::finished && first.recorder) {
      session.save_model(outcome.folder / "model.gguf");
      outcome.model = outcome.folder / "model.gguf";
    }
    first.finish(outcome.end);
  } catch (const Error& error) {
    if (first.recorder) {
      const bool stopped = error.kind() == ErrorKind::cancelled;
      first.recorder->finish(stopped ? "stopped" : "failed", stopped ? "" : error.what());
    }
    throw;
  }
  if (first.recorder) {
    outcome.info = first.recorder->info();
    if (!first.recorder->trouble().empty()) outcome.notes.push_back(first.recorder->trouble());
  }
  return outcome;
}

}  // namespace jielong
