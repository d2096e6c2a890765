#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace jielong {

/// How far a run has come: the small facts that a checkpoint keeps beside its tensors.
struct TrainingState {
  std::int64_t step = 0;     ///< optimizer steps done
  std::int64_t updates = 0;  ///< of the optimizer's states, for bias correction
  std::int64_t tokens = 0;
  double seconds = 0;
  std::optional<double> best_loss;             ///< held-out, of all evaluations
  std::optional<double> best_checkpoint_loss;  ///< of those that have a checkpoint
  std::int64_t best_checkpoint = -1;           ///< its step; -1: none
  std::string model;                           ///< the model's file in the checkpoint
  std::string data_position;                   ///< BatchSource::position() as JSON
};

/// As JSON. Doubles keep every bit.
std::string write_training_state(const TrainingState& state);
/// Throws Error(bad_input) for anything that write_training_state() would not write.
TrainingState parse_training_state(std::string_view text, const std::string& where);

}  // namespace jielong
