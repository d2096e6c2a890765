#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "token/training/bpe_trainer.h"
#include "token/training/tokenizer_trainer.h"
#include "token/training/unigram_trainer.h"

namespace jielong {

// What was learnt, as Hugging Face's `tokenizers` writes it. `special` are the first tokens.

std::string write_tokenizer_json(const TokenizerTraining& settings,
                                 const std::vector<std::string>& special, const LearntBpe& learnt,
                                 std::string_view pattern);
/// Behind the special tokens come the 256 bytes, if asked for, then the pieces.
std::string write_tokenizer_json(const TokenizerTraining& settings,
                                 const std::vector<std::string>& special,
                                 const LearntUnigram& learnt);
/// tokenizer_config.json: which special token does what, and the chat template.
std::string write_tokenizer_config(const TokenizerTraining& settings);

}  // namespace jielong
