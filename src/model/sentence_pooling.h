#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/hyperparameters.h"
#include "model/safetensors.h"

namespace jielong {

/// How the tokens' vectors become one: Hugging Face folders say it in the files of
/// sentence-transformers ("modules.json", "1_Pooling/config.json"), not in config.json.

/// Sets hyper.pooling where the folder states it. Throws Error(unsupported) for a pooling
/// that Jielong does not do (maximum, weighted mean, several at once).
void read_pooling(const ModelFolder& folder, Hyperparameters& hyper);

/// Adds the files that state hyper.pooling, as name and text; none for Pooling::none.
void add_pooling_files(const Hyperparameters& hyper,
                       std::vector<std::pair<std::string, std::string>>& files);

}  // namespace jielong
