#pragma once

#include <string>
#include <vector>

#include "model/hyperparameters.h"
#include "model/metadata_builder.h"
#include "model/safetensors.h"

namespace jielong {

/// Writes the folder's tokenizer (tokenizer.json, tokenizer_config.json, the end tokens of
/// generation_config.json) and chat template as GGUF's "tokenizer.*" metadata. Without a
/// tokenizer.json it writes none and says so in `notes`. Throws Error(unsupported) for a
/// tokenizer that GGUF cannot describe.
void put_tokenizer(const TextFolder& folder, const Hyperparameters& hyper,
                   MetadataBuilder& metadata, std::vector<std::string>& notes);

}  // namespace jielong
