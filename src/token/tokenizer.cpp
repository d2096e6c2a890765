#include "token/tokenizer.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/utf8.h"

namespace jielong {

std::vector<Token> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  std::vector<Token> out;
  encode_to(out, text, options);
  return out;
}

std::string Tokenizer::decode(std::span<const Token> tokens, const DecodeOptions& options) const {
  std::string out;
  DecodeState state;
  for (const Token token : tokens) decode_to(out, token, state, options.skip_special);
  return options.clean_up ? clean_up_spaces(out) : out;
}

std::string Tokenizer::bytes(Token token) const {
  std::string out;
  DecodeState state{.at_start = false};
  decode_to(out, token, state, false);
  return out;
}

void Tokenizer::pad_vocabulary(Token size) {
  if (size > vocabulary_.size()) {
    vocabulary_.add_range(TokenKind::text, size - vocabulary_.size(), TokenClass::unused);
  }
}

Detokenizer::Detokenizer(const Tokenizer& tokenizer, bool skip_special, bool continues)
    : tokenizer_(&tokenizer), skip_special_(skip_special), continues_(continues) {
  state_.at_start = !continues;
}

std::string Detokenizer::push(Token token) {
  tokenizer_->decode_to(pending_, token, state_, skip_special_);
  const std::size_t complete = complete_utf8_prefix(pending_);
  std::string out = sanitize_utf8(std::string_view(pending_).substr(0, complete));
  pending_.erase(0, complete);
  return out;
}

std::string Detokenizer::finish() {
  std::string out = sanitize_utf8(pending_);
  pending_.clear();
  state_.at_start = !continues_;
  return out;
}

std::string clean_up_spaces(std::string_view text) {
  // In transformers these are replaced one after the other, so their order matters.
  constexpr std::pair<std::string_view, std::string_view> kRules[] = {
      {" .", "."},     {" ?", "?"},   {" !", "!"},   {" ,", ","},     {" ' ", "'"},
      {" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  std::string out(text);
  for (const auto& [from, to] : kRules) {
    std::size_t at = out.find(from);
    if (at == std::string::npos) continue;
    std::string next;
    std::size_t begin = 0;
    for (; at != std::string::npos; at = out.find(from, begin)) {
      next.append(out, begin, at - begin);
      next += to;
      begin = at + from.size();
    }
    next.append(out, begin);
    out = std::move(next);
  }
  return out;
}

}  // namespace jielong
