#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/thread_pool.h"
#include "model/model.h"
#include "tensor/gemm.h"
#include "train/recipe.h"

namespace jielong {

/// What a training would be and cost.
struct TrainingPlan {
  /// Parameters by part: "embeddings", "attention", "feed-forward", "experts", "recurrence",
  /// "head", "norms and biases".
  std::vector<std::pair<std::string, std::int64_t>> parts;
  std::int64_t parameters = 0;
  double flops_per_token = 0;  ///< forward and backward, at the recipe's length

  // Bytes.
  std::uint64_t parameter_bytes = 0, gradient_bytes = 0, optimizer_bytes = 0, average_bytes = 0;
  std::uint64_t activation_bytes = 0;        ///< at most, measured in a few real steps
  std::uint64_t other_activation_bytes = 0;  ///< with checkpointing if the recipe does without, and
                                             ///< the other way round; 0: not measured

  double seconds_per_step = 0;  ///< median of a few real steps on this machine
  std::int64_t steps = 0, tokens_per_step = 0;
  double peak_flops = 0;  ///< of the threads in the recipe's precision; 0: unknown

  std::uint64_t bytes() const {
    return parameter_bytes + gradient_bytes + optimizer_bytes + average_bytes + activation_bytes;
  }
  double tokens() const {
    return static_cast<double>(steps) * static_cast<double>(tokens_per_step);
  }
  double flops() const { return tokens() * flops_per_token; }
  double seconds() const { return static_cast<double>(steps) * seconds_per_step; }
};

OrderedJson plan_json(const TrainingPlan& plan);

/// Parameters by part, in the order above, parts without any left out.
std::vector<std::pair<std::string, std::int64_t>> parameters_by_part(const Model& model);

/// Floating-point operations that a token takes forward and backward (two for each product and sum)
/// in sequences of `length`: matrices, scores of attention and scans; each weight counts as often
/// as a token meets it, experts by their share.
double training_flops_per_token(const Model& model, std::int64_t length);

/// Operations a second that the pool's threads can do at most, measured; 0: unknown.
double peak_flops(Precision precision, ThreadPool& pool);

/// Makes the recipe's model and takes a few steps on random tokens: the data is not touched.
/// @param thorough  also measures what activation checkpointing would change
TrainingPlan plan_training(const Recipe& recipe, ThreadPool& pool, bool thorough);

}  // namespace jielong
