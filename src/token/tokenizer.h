#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "token/token.h"
#include "token/vocabulary.h"

namespace jielong {

struct EncodeOptions {
  /// Add what the model expects around a text (BOS, EOS, [CLS] … [SEP]).
  bool add_special = true;
  /// Read the names of control tokens in the text as those tokens. Leave it off for text
  /// that a user or a web page wrote, on for the output of a chat template.
  bool parse_special = false;
};

struct DecodeOptions {
  /// Leave out control and unknown tokens.
  bool skip_special = true;
  /// Remove the space before punctuation and English contractions, as transformers'
  /// `clean_up_tokenization_spaces` does.
  bool clean_up = false;
};

/// How a decoder stands in the middle of a chain of tokens.
struct DecodeState {
  bool at_start = true;
};

/// Text ↔ tokens. Immutable after construction; any number of threads may use one.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  const Vocabulary& vocabulary() const { return vocabulary_; }

  /// Tokens of `text`, any bytes of at most 1 GiB: what is not UTF-8 is kept byte by byte
  /// where the vocabulary has bytes, and is U+FFFD elsewhere. Throws Error(limit).
  std::vector<Token> encode(std::string_view text, const EncodeOptions& options = {}) const;

  /// The bytes that `tokens` stand for; half a character stays half a character. Throws
  /// Error(bad_input) on a token outside the vocabulary.
  std::string decode(std::span<const Token> tokens, const DecodeOptions& options = {}) const;

  /// What `token` adds to a text in the middle of a chain ("Ġthe" → " the"); the spelling
  /// for special tokens. For grammars, log-probabilities and display.
  std::string bytes(Token token) const;

  /// True when decode(encode(x)) == x for every x in valid UTF-8 (no normalizer and no
  /// missing piece loses anything).
  virtual bool lossless() const = 0;

  /// "BPE", "SentencePiece BPE", "Unigram", "WordPiece" or "WordLevel", for people.
  virtual std::string_view algorithm() const = 0;

  /// Whether encode() with add_special puts a BOS token before, an EOS token behind.
  virtual bool adds_bos() const = 0;
  virtual bool adds_eos() const = 0;

  /// Gives the vocabulary `size` tokens by adding unused ones: models round their logits up.
  /// Only before the tokenizer is shared.
  void pad_vocabulary(Token size);

  /// Appends the tokens of `text` to `out`.
  virtual void encode_to(std::vector<Token>& out, std::string_view text,
                         const EncodeOptions& options) const = 0;
  /// Appends what one token adds to a text that stands at `state`.
  virtual void decode_to(std::string& out, Token token, DecodeState& state,
                         bool skip_special) const = 0;

 protected:
  Vocabulary vocabulary_;
};

/// Turns a growing chain of tokens into text, never half a character: bytes wait until
/// the tokens that complete them come. What can never become valid is U+FFFD, so the
/// output is always UTF-8. `tokenizer` must outlive it.
class Detokenizer {
 public:
  /// @param continues  the chain goes on after other text: a leading space is kept
  explicit Detokenizer(const Tokenizer& tokenizer, bool skip_special = true,
                       bool continues = false);

  /// The complete characters that `token` adds, maybe none.
  std::string push(Token token);
  /// What still waits, as U+FFFD where it is cut off; starts afresh.
  std::string finish();

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_;
  bool continues_;
  DecodeState state_;
  std::string pending_;
};

/// transformers' clean-up of spaces before punctuation and contractions.
std::string clean_up_spaces(std::string_view text);

}  // namespace jielong
