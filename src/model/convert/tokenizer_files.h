#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/metadata.h"

namespace jielong {

/// The way back: GGUF's "tokenizer.*" metadata as tokenizer.json, tokenizer_config.json and
/// generation_config.json, added to `files` as name and text. A kind of tokenizer that is
/// not known is left out with a note.
void add_tokenizer_files(const Metadata& metadata,
                         std::vector<std::pair<std::string, std::string>>& files,
                         std::vector<std::string>& notes);

}  // namespace jielong
