#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "token/charsmap.h"
#include "token/regex.h"
#include "token/unicode.h"

namespace jielong {

/// One rewriting of a text before it is cut into words.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual std::string apply(std::string text) const = 0;
  /// False when two texts may become the same one.
  virtual bool lossless() const { return false; }
};

using Normalizers = std::vector<std::unique_ptr<Normalizer>>;

/// All of them in their order.
std::string normalize_all(const Normalizers& normalizers, std::string text);

namespace normalizers {

/// Puts `prefix` before a text that is not empty.
std::unique_ptr<Normalizer> prepend(std::string prefix);
/// Replaces a literal string.
std::unique_ptr<Normalizer> replace(std::string from, std::string to);
std::unique_ptr<Normalizer> replace(Regex from, std::string to);
std::unique_ptr<Normalizer> unicode_form(unicode::Form form);
std::unique_ptr<Normalizer> lower_case();
/// Removes white space at the ends.
std::unique_ptr<Normalizer> strip(bool left, bool right);
/// Removes all combining marks, as they stand after NFD.
std::unique_ptr<Normalizer> strip_accents();
/// SentencePiece's own rules for control characters and spaces.
std::unique_ptr<Normalizer> nmt();
/// @param by_graphemes  as Hugging Face's tokenizers do, else as SentencePiece itself
std::unique_ptr<Normalizer> precompiled(Charsmap charsmap, bool by_graphemes);
/// Spells every byte as a GPT-2 letter.
std::unique_ptr<Normalizer> byte_letters();
/// Collapses runs of spaces to one and removes them at both ends.
std::unique_ptr<Normalizer> collapse_spaces();

struct BertOptions {
  bool clean_text = true;
  bool isolate_ideographs = true;
  bool strip_accents = true;
  bool lower_case = true;
};
/// Devlin et al. 2018: BasicTokenizer's cleaning.
std::unique_ptr<Normalizer> bert(const BertOptions& options);

}  // namespace normalizers
}  // namespace jielong
