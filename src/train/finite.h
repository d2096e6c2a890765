#pragma once

#include <string>

#include "tensor/parameters.h"
#include "train/objective.h"

namespace jielong {

/// The name of the first value that is not finite when `batch` runs again: of the weights, then of
/// the activations in the order in which they are computed; empty when all are finite.
std::string first_not_finite_value(const Parameters& parameters, Objective& objective,
                                   Workspace& workspace, Precision precision,
                                   const TrainingBatch& batch);

/// "gradient of <name>" for the gradient nearest to the loss, empty when all are finite.
std::string first_not_finite_gradient(const Parameters& parameters);

}  // namespace jielong
