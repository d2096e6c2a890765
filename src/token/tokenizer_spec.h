#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "token/tokenizer.h"

namespace jielong {

/// A tokenizer as GGUF metadata describes it (keys "tokenizer.ggml.*"). Views need to
/// stay valid only during make_tokenizer(), which copies what it keeps.
struct TokenizerSpec {
  /// tokenizer.ggml.model: "gpt2", "llama", "t5" or "bert".
  std::string_view model;
  /// tokenizer.ggml.pre; empty counts as "default".
  std::string_view pre;

  std::vector<std::string_view> tokens;
  std::span<const float> scores;                    ///< (tokens) or empty
  std::span<const std::int32_t> types;              ///< (tokens) or empty: 1 normal … 6 byte
  std::vector<std::string_view> merges;             ///< "left right", most important first
  std::span<const std::byte> precompiled_charsmap;  ///< for "t5"

  /// "tokenizer.ggml.<name>_token_id" by role; several may be absent.
  std::vector<std::pair<TokenRole, std::int64_t>> roles;
  /// tokenizer.ggml.eos_token_ids and the like: more tokens that end an answer.
  std::vector<Token> end_tokens;

  std::optional<bool> add_bos, add_eos, add_sep;
  std::optional<bool> add_space_prefix;
  std::optional<bool> remove_extra_whitespaces;
  std::optional<bool> clean_up_spaces;

  /// Control tokens that swallow the white space behind or before them; GGUF cannot say it,
  /// the architecture knows (Phi-3's "<|end|>").
  std::vector<Token> strip_right, strip_left;

  /// Use the GPT-2 pattern for a pre-tokenizer name we do not know, instead of an Error.
  bool allow_unknown_pre_tokenizer = false;
};

/// Builds the tokenizer. Throws Error(bad_input) that names the metadata key for arrays
/// that do not fit together, Error(unsupported) for a model or pre-tokenizer we lack.
std::unique_ptr<Tokenizer> make_tokenizer(const TokenizerSpec& spec);

}  // namespace jielong
