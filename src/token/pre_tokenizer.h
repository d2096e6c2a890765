#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "token/regex.h"

namespace jielong {

/// A text and the words it has been cut into so far, in order; what lies between two
/// ranges has been dropped.
struct Words {
  std::string text;
  std::vector<TextRange> ranges;

  std::string_view view(const TextRange& range) const {
    return std::string_view(text).substr(range.begin, range.end - range.begin);
  }
};

/// One step that cuts words smaller before the subword model sees them.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  /// @param at_text_start  whether the first word begins the whole text
  virtual void apply(Words& words, bool at_text_start) const = 0;
  /// False when it drops or adds something that the decoder cannot restore.
  virtual bool lossless() const { return true; }
};

using PreTokenizers = std::vector<std::unique_ptr<PreTokenizer>>;

/// What becomes of the matches that cut a word (Hugging Face's SplitDelimiterBehavior).
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// When Metaspace puts "▁" before a word.
enum class PrependScheme { always, first, never };

namespace pre_tokenizers {

/// @param invert  cut at what the pattern does not match
std::unique_ptr<PreTokenizer> split(Regex pattern, SplitBehavior behavior, bool invert = false);
std::unique_ptr<PreTokenizer> split(std::string literal, SplitBehavior behavior,
                                    bool invert = false);
std::unique_ptr<PreTokenizer> punctuation(SplitBehavior behavior);
/// @param individual  every digit a word, else runs of them
std::unique_ptr<PreTokenizer> digits(bool individual);
/// Drops white space.
std::unique_ptr<PreTokenizer> white_space();
/// White space dropped, every punctuation mark a word (Devlin et al. 2018).
std::unique_ptr<PreTokenizer> bert();
/// Chunks of `length` characters.
std::unique_ptr<PreTokenizer> fixed_length(std::size_t length);
/// Writes spaces as `replacement` ("▁"), prepends it as the scheme says and, with
/// `cut`, begins a word at each.
std::unique_ptr<PreTokenizer> metaspace(std::string replacement, PrependScheme scheme, bool cut);
/// A space before words that do not begin with one.
std::unique_ptr<PreTokenizer> prefix_space();
/// Spells every byte as a GPT-2 letter.
std::unique_ptr<PreTokenizer> byte_letters();
/// Cuts as `pattern` says, isolated; by a hand-written scanner when we have one.
std::unique_ptr<PreTokenizer> scan(std::string_view pattern, const std::string& where = {});

}  // namespace pre_tokenizers
}  // namespace jielong
