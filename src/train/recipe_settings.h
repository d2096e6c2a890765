#pragma once

#include <cstdint>
#include <vector>

#include "model/model.h"
#include "token/training/tokenizer_trainer.h"
#include "train/data/prepare.h"
#include "train/objective.h"
#include "train/recipe.h"
#include "train/trainer.h"

namespace jielong {

// What a recipe's sections amount to, in the words of those who do the work.

/// The sizes of a new model. `vocabulary` 0: that of its tokenizer.
Hyperparameters hyperparameters_of(const Recipe& recipe, std::int64_t vocabulary = 0);
/// How it is made, but for the tokenizer's place.
CreateOptions create_options_of(const Recipe& recipe);
/// Tokens of a tokenizer that is learned, if the data has enough for it.
std::int64_t expected_vocabulary(const Recipe& recipe);
/// The tokenizer to learn.
TokenizerTraining tokenizer_training_of(const Recipe& recipe);
DataSettings data_settings_of(const Recipe& recipe);
PassSettings pass_settings_of(const Recipe& recipe);
/// Without folders, texts and numbers that depend on the model.
/// @param steps of the whole run
TrainerOptions trainer_options_of(const Recipe& recipe, std::int64_t steps);
Precision precision_of(const Recipe& recipe);

/// Tokens that one step learns from, padding aside.
std::int64_t tokens_per_step(const Recipe& recipe);
/// Steps until the budget's first limit, when a step takes so long; 0 seconds: unknown, which only
/// a budget of time needs. At least 1.
std::int64_t planned_steps(const Recipe& recipe, double seconds_per_step);

}  // namespace jielong
