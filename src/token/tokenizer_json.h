#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "token/tokenizer.h"

namespace jielong {

/// Builds a tokenizer from the text of a Hugging Face `tokenizer.json`. `truncation` and
/// `padding` are ignored: they belong to a batch. `config`, when not empty, is the text of
/// `tokenizer_config.json` and names the special tokens. Throws Error(unsupported) naming the
/// component we lack, Error(bad_input | limit) for what is malformed or too large.
std::unique_ptr<Tokenizer> tokenizer_from_json(std::string_view text,
                                               const std::string& where = "tokenizer.json",
                                               std::string_view config = {});

}  // namespace jielong
