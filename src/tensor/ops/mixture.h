#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/pass.h"

namespace jielong {

/// Which experts each row visits.
struct Routing {
  /// One row's visit to one expert.
  struct Visit {
    std::int64_t expert;
    std::int64_t place;  ///< among the expert's rows
    float weight;
  };
  std::int64_t used = 1;                        ///< experts of a row
  bool normalized = true;                       ///< a row's weights sum to one
  std::vector<Visit> visits;                    ///< (rows, used), a row's likeliest expert first
  std::vector<std::vector<std::int64_t>> rows;  ///< of each expert, ascending
};

/// The `used` likeliest experts of each row; of equals the first. `probabilities` is
/// (rows, experts).
Routing route(const Tensor& probabilities, std::int64_t used, bool normalize_weights);

/// y[row] = Σ weight · results[expert][place] over the row's visits in their order, so that it does
/// not depend on which other rows an expert sees; a new tensor (rows, channels). Gradients reach
/// the results and, through the weights, the probabilities.
Tensor mix(Pass& pass, const Tensor& probabilities, const Routing& routing,
           std::span<const Tensor> results, std::int64_t channels);

/// Experts · Σ_e f_e · P_e, where f_e is the share of rows that visit expert e and P_e its mean
/// probability: `used` when all are visited alike, more when few are (Fedus et al., 2022; with
/// several experts a row as in Mixtral). With a tape, `weight` times that is added to the loss.
double balance_loss(Pass& pass, const Tensor& probabilities, const Routing& routing, float weight);

}  // namespace jielong
