#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "token/piece_trie.h"
#include "token/token.h"

namespace jielong {

/// A token that is matched whole in a text before anything else is done with it.
struct AddedToken {
  Token token = -1;
  std::string text;
  bool special = false;      ///< only matched when the caller asked for special tokens
  bool single_word = false;  ///< not inside a word
  bool strip_left = false;   ///< takes the white space before it along
  bool strip_right = false;  ///< and behind it
};

/// A part of a text: one added token, or plain text when token is -1.
struct TextSegment {
  std::uint32_t begin, end;
  Token token;
};

/// Finds added tokens: the leftmost first, of several there the longest.
class AddedTokens {
 public:
  AddedTokens() = default;
  explicit AddedTokens(std::vector<AddedToken> tokens);

  bool empty() const { return tokens_.empty(); }
  /// Appends the segments of `text` (below 4 GiB), which cover it but for the white space
  /// that tokens swallow; no plain segment is empty.
  void split(std::string_view text, bool parse_special, std::vector<TextSegment>& out) const;

 private:
  std::vector<AddedToken> tokens_;
  PieceTrie all_;       ///< entries are indices into tokens_
  PieceTrie ordinary_;  ///< without the special ones
};

}  // namespace jielong
