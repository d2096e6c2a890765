#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/hyperparameters.h"
#include "model/metadata.h"
#include "model/metadata_builder.h"

namespace jielong {

/// Writes hyper-parameters as GGUF metadata ("general.*" and "<family>.*").
void put_hyperparameters(const Hyperparameters& hyper, MetadataBuilder& metadata);

/// What a config.json says beside the hyper-parameters.
struct ConfigFacts {
  bool tied_embeddings = false;
  bool attention_bias = false;
  std::string_view dtype;           ///< "float32", "float16" or "bfloat16"
  std::vector<bool> expert_layers;  ///< (layers) which have experts
};

/// The text of a config.json with the same hyper-parameters, for every family. The rope
/// scaling must be restored (rope_factors.h). Throws Error(unsupported) for a family that
/// has no counterpart.
std::string make_config_json(const Hyperparameters& hyper, const Metadata& metadata,
                             const ConfigFacts& facts);

}  // namespace jielong
