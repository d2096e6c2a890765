#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "token/token.h"
#include "token/vocabulary.h"

namespace jielong {

/// A piece of a word while neighbours are merged; a chain of the living ones by index.
struct Symbol {
  Token token;
  std::uint32_t begin, length;  ///< in bytes of the word; length 0: merged away
  std::int32_t previous, next;  ///< -1 at the ends
};

/// A merge that waits for its turn.
struct MergeCandidate {
  std::uint64_t order;   ///< priority, then position: the smallest is next
  std::uint32_t length;  ///< of both symbols when it was noted, to see whether it is stale
  Token result;
};

/// The best way to a place in a word, in Unigram.
struct LatticeNode {
  double score;
  std::uint32_t begin;
  Token token;  ///< -1: not reached yet
};

/// Memory that encode() reuses from word to word.
struct SubwordScratch {
  std::vector<Symbol> symbols;
  std::vector<MergeCandidate> candidates;
  std::vector<LatticeNode> lattice;
  std::string spelling;
};

/// Cuts one word into tokens.
class SubwordModel {
 public:
  virtual ~SubwordModel() = default;
  /// Appends the tokens of `word` (not empty, below 4 GiB) to `out`.
  virtual void encode(std::string_view word, std::vector<Token>& out,
                      SubwordScratch& scratch) const = 0;
  virtual std::string_view algorithm() const = 0;
  /// False when some valid UTF-8 has no tokens.
  virtual bool covers_everything() const = 0;
};

/// The tokens "<0x00>" … "<0xFF>", -1 where the vocabulary lacks one.
class ByteTokens {
 public:
  ByteTokens() = default;
  /// Finds them and gives them TokenClass::byte.
  explicit ByteTokens(Vocabulary& vocabulary);

  /// Appends one token for each byte; false, appending nothing, when one is missing.
  bool encode(std::string_view bytes, std::vector<Token>& out) const;
  /// All bytes that valid UTF-8 has are there.
  bool complete() const { return complete_; }

 private:
  std::vector<Token> tokens_;
  bool complete_ = false;
};

/// The value of a spelling like "<0x0A>", or -1.
int byte_token_value(std::string_view piece);

}  // namespace jielong
