#include "train/trainer.h"

namespace jielong {

bool Trainer::checkpoint_due() const {
  return !options_.checkpoints.empty() && due(options_.checkpoint_every);
}

void Trainer::evaluate_now(TrainObserver& observer) {
  if (parts_.held_out == nullptr || options_.evaluate_every <= 0 || last_loss_) return;
  observer.on_evaluation(evaluate());
}

void Trainer::sample_now(TrainObserver& observer) {
  // Generating is one process's work; the others meet it again in the next step.
  if (!parts_.sample || rank() != 0 || sampled_step_ == progress_.step) return;
  const EmaScope average(ema_.get());
  for (TrainingSample& sample : parts_.sample()) {
    sample.step = progress_.step;
    observer.on_sample(sample);
  }
  sampled_step_ = progress_.step;
}

void Trainer::save_now(TrainObserver& observer, bool must) {
  if (options_.checkpoints.empty() || saved_step_ == progress_.step) return;
  try {
    observer.on_checkpoint(progress_.step, save_checkpoint());
  } catch (const Error& error) {
    if (must || error.kind() != ErrorKind::io) throw;
    observer.on_checkpoint_failed(progress_.step, error);
  }
}

RunEnd Trainer::run(TrainObserver& observer, const std::atomic<bool>* stop) {
  if (!resumed_ && progress_.step == 0 && !options_.checkpoints.empty() &&
      !list_checkpoints(options_.checkpoints).empty()) {
    throw bad_input("already has checkpoints of another run", options_.checkpoints.string(),
                    "resume that one, or choose another folder");
  }
  while (progress_.step < options_.steps) {
    if (stop_requested(stop)) {
      save_now(observer, true);
      observer.on_stopped(progress_.step);
      return RunEnd::stopped;
    }
    try {
      observer.on_step(step());
    } catch (const NotFinite& error) {
      observer.on_not_finite(progress_.step + 1, error.where());
      return RunEnd::not_finite;
    }
    // Every checkpoint of a run with held-out data has its loss, so that the best one is known.
    if (due(options_.evaluate_every) || checkpoint_due()) evaluate_now(observer);
    if (due(options_.sample_every)) sample_now(observer);
    if (checkpoint_due()) save_now(observer, false);
  }
  evaluate_now(observer);
  if (options_.sample_every > 0) sample_now(observer);
  save_now(observer, true);
  return RunEnd::finished;
}

}  // namespace jielong
