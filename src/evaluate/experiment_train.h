#pragma once

#include "base/thread_pool.h"
#include "evaluate/experiment_run.h"

namespace jielong {

/// Trains as `jielong train` does, into a run's folder inside the given one; an interrupted
/// training goes on from its last checkpoint. The pool must outlive it.
///
/// Points: "parameters", "train_tokens", "train_seconds", "first_loss" and "last_loss" (means of
/// the first and the last tenth of the steps), and where something is held out "held_out_loss",
/// "held_out_accuracy" and "bits_per_byte".
TrainRecipe recipe_trainer(ThreadPool& pool);

}  // namespace jielong
