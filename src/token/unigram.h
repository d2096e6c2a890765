#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "token/piece_trie.h"
#include "token/subword.h"

namespace jielong {

/// Unigram language model (Kudo 2018): the segmentation with the highest sum of scores
/// (log-probabilities), found by Viterbi. A character that no piece covers costs the lowest
/// score less 10; neighbours of them become one unknown token, or their bytes.
class Unigram final : public SubwordModel {
 public:
  /// @param scores  (tokens); NaN is refused
  /// @param byte_fallback  use "<0xXX>" tokens when all of them exist
  Unigram(Vocabulary& vocabulary, std::span<const double> scores, std::optional<Token> unknown,
          bool byte_fallback);

  void encode(std::string_view word, std::vector<Token>& out,
              SubwordScratch& scratch) const override;
  std::string_view algorithm() const override { return "Unigram"; }
  bool covers_everything() const override { return fallback_.complete(); }

 private:
  PieceTrie trie_;
  std::vector<double> scores_;
  double unknown_score_ = 0;
  std::optional<Token> unknown_;
  ByteTokens fallback_;
};

}  // namespace jielong
