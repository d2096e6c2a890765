#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace jielong {

/// What a GGUF file means by a value of "tokenizer.ggml.pre": the steps of the model's own
/// tokenizer.json, which GGUF names instead of storing.
struct PreTokenizerRecipe {
  /// Applied one after the other, each cutting what the ones before left; every match and
  /// every gap is a word.
  std::vector<std::string_view> patterns;
  bool ignore_merges = false;
  bool add_bos = false;  ///< unless the file says otherwise
  bool add_sep = false;
  bool nfc = false;
  /// Pieces are UTF-8 with "▁" for spaces instead of GPT-2 letters.
  bool meta_spaces = false;
};

std::optional<PreTokenizerRecipe> find_pre_tokenizer(std::string_view name);

/// Ascending.
std::vector<std::string_view> known_pre_tokenizers();

}  // namespace jielong
