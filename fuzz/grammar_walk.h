#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "generate/constraint/grammar.h"

namespace jielong {

/// Smaller than the product's limits, so that a slow input does not count as a hang.
inline GrammarLimits fuzz_limits() {
  GrammarLimits limits;
  limits.expressions = 4'000;
  limits.repetition = 40;
  limits.nodes = 2'000;
  limits.edges = 8'000;
  limits.automaton_states = 150;
  limits.alternatives = 32;
  limits.stack_depth = 50;
  limits.state_places = 200;
  limits.step_work = 50'000;
  return limits;
}

inline const std::shared_ptr<const TokenTrie>& fuzz_vocabulary() {
  static const auto trie = [] {
    std::vector<std::string> pieces;
    for (const char c : std::string_view("abcxyz019 \"{}[]:,.-+\\/\n_()\x80\xBF\xC3\xE4\xF0\x9F")) {
      pieces.emplace_back(1, c);
    }
    for (const char* piece : {"\":", "\",\"", "{\"", "\"}", "]}", "[[", "true", "12", "ab", "a\"",
                              "\xC3\xA9", "\xE4\xB8", "\\u00", "-0.", "  ", "\n "}) {
      pieces.emplace_back(piece);
    }
    pieces.emplace_back();
    const auto end = static_cast<Token>(pieces.size() - 1);
    return TokenTrie::of_pieces(pieces, {end});
  }();
  return trie;
}

/// Walks under the grammar's masks and checks what they promise: an allowed token can be
/// accepted, a forbidden one cannot, and a text that may end here is one of the grammar's.
inline void walk_grammar(const Grammar::Pointer& grammar, std::uint64_t seed) {
  const auto& trie = fuzz_vocabulary();
  Rng rng(seed);
  const auto constraint = constrain(grammar, trie)();
  std::string text;
  for (int step = 0; step < 8; ++step) {
    const auto mask = constraint->allowed();
    std::vector<Token> choices;
    for (Token token = 0; token < trie->vocabulary(); ++token) {
      const auto index = static_cast<std::size_t>(token);
      if (((mask[index / 64] >> (index % 64)) & 1) == 0 || trie->is_end(token)) continue;
      choices.push_back(token);
    }
    if (constraint->may_end() && !grammar->matches(text)) std::abort();
    if (choices.empty()) return;
    const auto probe =
        static_cast<Token>(rng() % static_cast<std::uint64_t>(trie->end_tokens()[0]));
    const bool allowed = ((mask[static_cast<std::size_t>(probe) / 64] >> (probe % 64)) & 1) != 0;
    if (constraint->clone()->accept_text(trie->bytes(probe)) != allowed) std::abort();
    const Token token = choices[rng() % choices.size()];
    text += trie->bytes(token);
    constraint->accept(token);
  }
}

template <class Compile>
int fuzz_grammar(const std::uint8_t* data, std::size_t size, const Compile& compile) {
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  std::uint64_t seed = size;
  for (const char c : source) seed = seed * 1099511628211ULL + static_cast<unsigned char>(c);
  try {
    walk_grammar(compile(source, fuzz_limits()), seed);
  } catch (const Error&) {
  }
  return 0;
}

}  // namespace jielong
