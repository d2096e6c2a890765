#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "token/tokenizer.h"

namespace jielong {

/// Tokens 0…25 are the letters a…z, the next ones the given pieces (any bytes), the last
/// one the END token.
class LetterTokenizer : public Tokenizer {
 public:
  explicit LetterTokenizer(const std::vector<std::string>& pieces = {}) {
    for (char c = 'a'; c <= 'z'; ++c) add(std::string(1, c));
    for (const std::string& piece : pieces) add(piece);
    end = vocabulary_.add("</s>", TokenClass::control);
    pieces_.push_back("</s>");
    vocabulary_.add_end_token(end);
  }

  bool lossless() const override { return false; }
  std::string_view algorithm() const override { return "letters"; }
  bool adds_bos() const override { return false; }
  bool adds_eos() const override { return false; }
  void encode_to(std::vector<Token>& out, std::string_view text,
                 const EncodeOptions&) const override {
    for (const char c : text) out.push_back(static_cast<Token>(c - 'a'));
  }
  void decode_to(std::string& out, Token token, DecodeState&, bool skip_special) const override {
    if (skip_special && vocabulary_.is_special(token)) return;
    out += pieces_[static_cast<std::size_t>(token)];
  }

  Token end = 0;

 private:
  void add(const std::string& piece) {
    vocabulary_.add(piece, TokenClass::normal);
    pieces_.push_back(piece);
  }
  std::vector<std::string> pieces_;
};

}  // namespace jielong
