#include "token/subword.h"

#include <fmt/format.h>

namespace jielong {

ByteTokens::ByteTokens(Vocabulary& vocabulary) : tokens_(256, -1), complete_(true) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto token = vocabulary.find(fmt::format("<0x{:02X}>", byte));
    const bool in_utf8 = byte != 0xC0 && byte != 0xC1 && byte < 0xF5;
    if (!token) {
      complete_ = complete_ && !in_utf8;
      continue;
    }
    tokens_[byte] = *token;
    vocabulary.set_class(*token, TokenClass::byte);
  }
}

bool ByteTokens::encode(std::string_view bytes, std::vector<Token>& out) const {
  if (tokens_.empty()) return false;
  for (const char c : bytes) {
    if (tokens_[static_cast<unsigned char>(c)] < 0) return false;
  }
  for (const char c : bytes) out.push_back(tokens_[static_cast<unsigned char>(c)]);
  return true;
}

int byte_token_value(std::string_view piece) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  if (piece.size() != 6 || piece.substr(0, 3) != "<0x" || piece[5] != '>') return -1;
  const int high = digit(piece[3]);
  const int low = digit(piece[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

}  // namespace jielong
