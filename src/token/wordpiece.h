#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "token/subword.h"

namespace jielong {

struct WordPieceOptions {
  /// What the vocabulary writes before the first and before the other pieces of a word:
  /// "" and "##" in a tokenizer.json, "▁" and "" in GGUF.
  std::string first_prefix;
  std::string next_prefix = "##";
  /// Words of more characters are unknown.
  std::size_t max_chars = 100;
  std::optional<Token> unknown;
};

/// WordPiece (Schuster and Nakajima 2012): the longest piece first, from left to right; a word
/// that cannot be covered is one unknown token.
class WordPiece final : public SubwordModel {
 public:
  /// `vocabulary` must outlive the model.
  WordPiece(const Vocabulary& vocabulary, WordPieceOptions options);

  void encode(std::string_view word, std::vector<Token>& out,
              SubwordScratch& scratch) const override;
  std::string_view algorithm() const override { return "WordPiece"; }
  bool covers_everything() const override { return false; }

 private:
  const Vocabulary* vocabulary_;
  WordPieceOptions options_;
  std::size_t longest_ = 0;  ///< bytes of the longest piece
};

/// Every word is a piece or unknown.
class WordLevel final : public SubwordModel {
 public:
  WordLevel(const Vocabulary& vocabulary, std::optional<Token> unknown)
      : vocabulary_(&vocabulary), unknown_(unknown) {}

  void encode(std::string_view word, std::vector<Token>& out,
              SubwordScratch& scratch) const override;
  std::string_view algorithm() const override { return "WordLevel"; }
  bool covers_everything() const override { return false; }

 private:
  const Vocabulary* vocabulary_;
  std::optional<Token> unknown_;
};

}  // namespace jielong
