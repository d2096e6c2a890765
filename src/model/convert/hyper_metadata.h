#pragma once

#include <string>

#include "model/hyperparameters.h"
#include "model/metadata.h"
#include "model/metadata_builder.h"

namespace jielong {

/// Writes hyper-parameters as GGUF metadata ("general.*" and "<family>.*").
void put_hyperparameters(const Hyperparameters& hyper, MetadataBuilder& metadata);

/// The text of a config.json with the same hyper-parameters, for the families that can go
/// back to the Hugging Face layout: llama, qwen2, qwen3, qwen3moe, gemma2, gemma3, gpt2.
/// Throws Error(unsupported) for others.
std::string make_config_json(const Hyperparameters& hyper, const Metadata& metadata,
                             bool tied_embeddings, bool attention_bias,
                             std::string_view dtype_name);

}  // namespace jielong
