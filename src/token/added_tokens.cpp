#include "token/added_tokens.h"

#include <utility>

#include "base/utf8.h"
#include "token/unicode.h"

namespace jielong {
namespace {

/// The last character of `text`, which must not be empty; U+FFFD when malformed.
char32_t last_char(std::string_view text) {
  for (std::size_t length = 1; length <= 4 && length <= text.size(); ++length) {
    const CodePoint point = decode_utf8(text.substr(text.size() - length));
    if (point.valid && point.length == length) return point.value;
  }
  return 0xFFFD;
}

bool is_space_byte_end(std::string_view text) { return unicode::is_space(last_char(text)); }

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::vector<std::pair<std::string_view, Token>> all, ordinary;
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    all.emplace_back(tokens_[i].text, static_cast<Token>(i));
    if (!tokens_[i].special) ordinary.push_back(all.back());
  }
  all_ = PieceTrie(std::move(all));
  ordinary_ = PieceTrie(std::move(ordinary));
}

void AddedTokens::split(std::string_view text, bool parse_special,
                        std::vector<TextSegment>& out) const {
  const PieceTrie& trie = parse_special ? all_ : ordinary_;
  std::size_t done = 0;  // everything before is in `out`
  const auto plain = [&](std::size_t end) {
    if (end > done) {
      out.push_back({static_cast<std::uint32_t>(done), static_cast<std::uint32_t>(end), -1});
    }
    done = end;
  };
  for (std::size_t at = 0; !trie.empty() && at < text.size();) {
    std::size_t length = 0;
    Token index = -1;
    trie.prefixes(text.substr(at), [&](std::size_t size, Token i) {
      length = size;
      index = i;
    });
    if (length == 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[static_cast<std::size_t>(index)];
    std::size_t begin = at;
    std::size_t end = at + length;
    at = end;
    if (token.single_word) {
      const bool word_before = begin > 0 && unicode::is_word(last_char(text.substr(0, begin)));
      const bool word_behind =
          end < text.size() && unicode::is_word(decode_utf8(text.substr(end)).value);
      if (word_before || word_behind) continue;
    }
    if (token.strip_left) {
      while (begin > done && is_space_byte_end(text.substr(done, begin - done))) {
        do {
          --begin;
        } while (begin > done && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80);
      }
    }
    if (token.strip_right) {
      while (end < text.size()) {
        const CodePoint point = decode_utf8(text.substr(end));
        if (!point.valid || !unicode::is_space(point.value)) break;
        end += point.length;
      }
    }
    if (begin < done) begin = done;
    plain(begin);
    out.push_back(
        {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end), token.token});
    done = end;
    if (at < end) at = end;
  }
  plain(text.size());
}

}  // namespace jielong
