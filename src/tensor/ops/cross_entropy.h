#pragma once

#include <cstdint>
#include <span>

#include "tensor/ops/project.h"
#include "tensor/pass.h"

namespace jielong {

/// What rows are to predict, and how much each counts.
struct PredictionLoss {
  std::span<const std::int32_t> targets;  ///< (rows) below the head's outputs; negative: no loss
  /// L = Σ weight · −log p(target) over rows is what is differentiated: `scale` for every row,
  /// times weights[row] (rows) where there are any.
  float scale = 1;
  std::span<const float> weights = {};
  float soft_cap = 0;  ///< scores s become cap · tanh(s / cap); 0: as they are
  /// Adds z_loss · (log Σ exp s)² to each row's loss, which keeps scores from drifting (Chowdhery
  /// et al., 2022).
  float z_loss = 0;
  /// (rows) Receives log p(target), 0 where there is no loss; may be empty.
  std::span<float> log_probabilities = {};
  /// How many scores may exist at one time, at least a row of them: 64 MiB.
  std::int64_t scores_at_once = 1 << 24;
};

/// Sums over rows, unscaled and unweighted.
struct PredictionSums {
  double loss = 0;           ///< −log p(target), in nats
  double z_loss = 0;         ///< (log Σ exp s)²
  std::int64_t counted = 0;  ///< rows with a target
  std::int64_t correct = 0;  ///< of those, whose best score is the target's
};

/// Softmax cross-entropy of a head on hidden states: scores = x (rows, channels) · headᵀ. Scores
/// never exist whole: chunks of rows are projected, scored, and turned into their gradient in
/// place. In a pass with a tape the gradient of x and of the head is found at once. A pass without
/// one only counts; the head may be packed then. Rows are summed in order.
/// Throws Error(bad_input) for a target that the head does not have, or spans of wrong length.
PredictionSums cross_entropy(Pass& pass, const Tensor& x, const Linear& head,
                             const PredictionLoss& loss);

}  // namespace jielong
