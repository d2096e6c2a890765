#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "token/pair_table.h"
#include "token/subword.h"

namespace jielong {

struct BpeOptions {
  /// Words are raw bytes, each beginning as the token of its GPT-2 letter. Else words begin
  /// as characters.
  bool raw_bytes = false;
  /// Characters without a token become "<0xXX>" tokens, when all of them exist.
  bool byte_fallback = false;
  /// Neighbouring unknown characters become one unknown token.
  bool fuse_unknown = false;
  /// A word that is itself a piece is that token, whatever the merges say.
  bool ignore_merges = false;
  /// What pieces inside ("##") and at the end ("</w>") of a word are marked with.
  std::string continuing_prefix, end_suffix;
  /// Stands for what has no token; without it such characters are dropped.
  std::optional<Token> unknown;
};

/// Byte-pair encoding (Sennrich et al. 2016) with a list of merges: as long as neighbours
/// can be merged, the most important merge goes first, of equals the leftmost.
class Bpe final : public SubwordModel {
 public:
  /// `vocabulary` must outlive the model.
  Bpe(Vocabulary& vocabulary, BpeOptions options);

  void reserve_merges(std::size_t count) { merges_.reserve(count); }
  /// Adds the next merge in order of importance. False when one of the three pieces is not
  /// in the vocabulary.
  bool add_merge(std::string_view left, std::string_view right);

  void encode(std::string_view word, std::vector<Token>& out,
              SubwordScratch& scratch) const override;
  std::string_view algorithm() const override {
    return options_.raw_bytes ? "byte-level BPE" : "BPE";
  }
  bool covers_everything() const override;

 private:
  void begin_bytes(std::string_view word, SubwordScratch& scratch) const;
  void begin_chars(std::string_view word, SubwordScratch& scratch) const;

  const Vocabulary* vocabulary_;
  BpeOptions options_;
  PairTable merges_;
  std::uint32_t merge_count_ = 0;
  Token last_result_ = -1;
  std::string joined_;
  std::array<Token, 256> byte_tokens_;
  ByteTokens fallback_;
};

/// SentencePiece's BPE (Kudo and Richardson 2018): neighbours merge when the two together
/// are a piece, the one with the highest score first, of equals the leftmost.
class ScoredBpe final : public SubwordModel {
 public:
  /// @param scores (tokens), higher is more important; NaN is refused
  ScoredBpe(Vocabulary& vocabulary, std::span<const float> scores, std::optional<Token> unknown);

  void encode(std::string_view word, std::vector<Token>& out,
              SubwordScratch& scratch) const override;
  std::string_view algorithm() const override { return "SentencePiece BPE"; }
  bool covers_everything() const override { return fallback_.complete(); }

 private:
  const Vocabulary* vocabulary_;
  /// (tokens): smaller is more important, Merge::kNever for what text cannot become.
  std::vector<std::uint32_t> priorities_;
  std::optional<Token> unknown_;
  ByteTokens fallback_;
};

}  // namespace jielong
