#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "token/tokenizer.h"

namespace jielong {

/// How pieces become text again: a few rules for each token, so that a chain can be decoded
/// while it grows.
class Decoder {
 public:
  enum class Rule {
    replace,        ///< `from` → `to`
    byte_letters,   ///< GPT-2 letters → bytes
    byte_fallback,  ///< "<0x0A>" → its byte
    strip_start,    ///< removes up to `count` times `from` at the front of a piece
    strip_end,      ///< the same at its end
    strip_text,     ///< the same at the front of the whole text
    word_pieces,    ///< removes the prefix `from`, else sets a space before all but the first
    metaspace,      ///< `from` → space, none at the front of the whole text when `count` is 1
    end_of_word,    ///< the suffix `from` → space
    join_words,     ///< a space before all but the first
    clean_up        ///< transformers' clean-up, for each piece
  };
  struct Step {
    Rule rule;
    std::string from{}, to{};
    int count = 0;
  };

  void add(Step step) { steps_.push_back(std::move(step)); }
  /// Whether pieces are spelled in GPT-2 letters, so that added tokens, which are not, must
  /// pass it by.
  bool reads_byte_letters() const;

  /// Appends the text of a piece.
  void decode(std::string& out, std::string_view piece, DecodeState& state) const;

 private:
  std::vector<Step> steps_;
};

}  // namespace jielong
