#include "token/wordpiece.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace jielong {

WordPiece::WordPiece(const Vocabulary& vocabulary, WordPieceOptions options)
    : vocabulary_(&vocabulary), options_(std::move(options)) {
  for (Token token = 0; token < vocabulary.size(); ++token) {
    longest_ = std::max(longest_, vocabulary.piece(token).size());
  }
}

void WordPiece::encode(std::string_view word, std::vector<Token>& out,
                       SubwordScratch& scratch) const {
  const auto fail = [&](std::size_t first) {
    out.resize(first);
    if (options_.unknown) out.push_back(*options_.unknown);
  };
  const std::size_t first = out.size();
  std::size_t chars = 0;
  for (std::size_t at = 0; at < word.size(); ++chars) {
    if (chars == options_.max_chars) return fail(first);
    at += decode_utf8(word.substr(at)).length;
  }
  std::string& spelling = scratch.spelling;
  for (std::size_t begin = 0; begin < word.size();) {
    const std::string& prefix = begin == 0 ? options_.first_prefix : options_.next_prefix;
    spelling = prefix;
    std::size_t length = std::min(word.size() - begin, longest_);
    spelling += word.substr(begin, length);
    std::optional<Token> token;
    while (length > 0) {
      const bool at_boundary = begin + length == word.size() ||
                               (static_cast<unsigned char>(word[begin + length]) & 0xC0) != 0x80;
      if (at_boundary) {
        token = vocabulary_->find(std::string_view(spelling).substr(0, prefix.size() + length));
        if (token) break;
      }
      --length;
    }
    if (!token) return fail(first);
    out.push_back(*token);
    begin += length;
  }
}

void WordLevel::encode(std::string_view word, std::vector<Token>& out, SubwordScratch&) const {
  if (const auto token = vocabulary_->find(word)) {
    out.push_back(*token);
  } else if (unknown_) {
    out.push_back(*unknown_);
  }
}

}  // namespace jielong
