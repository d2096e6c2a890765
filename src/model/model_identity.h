#pragma once

#include <string>

#include "model/model.h"

namespace jielong {

/// SHA-256 over the files that hold the model's weights and hyper-parameters: equal for two
/// models exactly when they compute the same. Reads them whole, at the speed of the disk;
/// anything less would miss an edit that changes a few rows of one matrix. Throws Error(io).
std::string identity_of(const Model& model);

}  // namespace jielong
