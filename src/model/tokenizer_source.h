#pragma once

#include <memory>
#include <string_view>

#include "model/metadata.h"
#include "token/tokenizer.h"
#include "token/tokenizer_json.h"

namespace jielong {

/// The tokenizer in a GGUF file's "tokenizer.ggml.*" metadata; null when there is none.
std::unique_ptr<Tokenizer> tokenizer_from_gguf(const Metadata& metadata, std::string_view family,
                                               bool allow_unknown_pre_tokenizer);

}  // namespace jielong
