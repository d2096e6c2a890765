#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "generate/constraint/grammar.h"

namespace jielong {

/// A vocabulary of all single bytes, then of pieces that run across the borders of what JSON is
/// made of, then END.
inline std::shared_ptr<const TokenTrie> small_vocabulary(Token* end = nullptr) {
  std::vector<std::string> pieces;
  for (int byte = 0; byte < 256; ++byte) pieces.emplace_back(1, static_cast<char>(byte));
  for (const char* piece :
       {"{\"",   "\":",  "\": ",   "\", \"", "\",\"",   "\"}",   "\"]",      "\"]}", "},{",
        "}]",    "}}",   "]]",     "[[",     "[]",      "{}",    " {",       " [",   ", ",
        ",\"",   ": ",   "\"a",    "name",   "true",    "false", "null",     "tru",  "12",
        "-1",    "0.5",  "1e5",    "10",     "é",       "中文",  "\xE4\xB8", "\\n",  "\\\"",
        "\\u00", "ab",   "abc",    "b\"",    "  ",      "\n",    "\n  ",     "-",    "2024-",
        "-0",    "a\":", "id\":1", "value",  "\"},{\"", "e\"",   "\\",       "foo",  "bar"}) {
    pieces.emplace_back(piece);
  }
  const auto last = static_cast<Token>(pieces.size());
  pieces.emplace_back();
  if (end != nullptr) *end = last;
  return TokenTrie::of_pieces(pieces, {last});
}

inline bool is_set(std::span<const std::uint64_t> mask, Token token) {
  const auto index = static_cast<std::size_t>(token);
  return ((mask[index / 64] >> (index % 64)) & 1) != 0;
}

/// A text that the constraint's masks lead to by throwing dice; none when it has no end after
/// `most` tokens. Closing brackets are favoured, so that recursion ends.
inline std::optional<std::string> random_walk(const MakeConstraint& make, const TokenTrie& trie,
                                              Rng& rng, int most = 400) {
  const std::unique_ptr<Constraint> constraint = make();
  std::string text;
  for (int step = 0; step < most; ++step) {
    const auto mask = constraint->allowed();
    std::vector<Token> choices, closing;
    for (Token token = 0; token < trie.vocabulary(); ++token) {
      if (!is_set(mask, token) || trie.is_end(token)) continue;
      choices.push_back(token);
      const std::string_view bytes = trie.bytes(token);
      if (bytes == "\"" || bytes == "}" || bytes == "]") closing.push_back(token);
    }
    if (constraint->may_end() && (choices.empty() || rng() % 3 == 0)) return text;
    if (choices.empty()) return std::nullopt;
    const bool close = !closing.empty() && (step > most / 4 || rng() % 3 == 0);
    const std::vector<Token>& from = close ? closing : choices;
    const Token token = from[rng() % from.size()];
    text += trie.bytes(token);
    constraint->accept(token);
  }
  return std::nullopt;
}

}  // namespace jielong
