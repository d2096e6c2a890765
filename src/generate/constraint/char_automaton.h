#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "generate/constraint/expression.h"
#include "generate/constraint/regex_parser.h"

namespace jielong {

/// A deterministic automaton over characters, for what expressions cannot say: texts that match
/// two expressions at once, or one but not another. Texts without a way through are refused.
class CharAutomaton {
 public:
  /// The texts of an expression without rules. Throws Error(limit).
  static CharAutomaton of(const ExprPool& pool, ExprId root);
  static CharAutomaton anything();

  CharAutomaton intersect(const CharAutomaton& other, const GrammarLimits& limits) const;
  CharAutomaton complement() const;

  bool empty() const;
  bool matches(std::string_view text) const;
  /// As an expression whose characters `writer` writes.
  ExprId write(ExprPool& pool, const CharWriter& writer) const;

  struct Edge {
    char32_t first, last;
    std::uint32_t target;
  };
  struct State {
    std::vector<Edge> edges;  ///< ascending, without overlaps
    bool accepts = false;
  };
  /// State 0 is the start.
  explicit CharAutomaton(std::vector<State> states) : states_(std::move(states)) {}

 private:
  std::vector<bool> live() const;

  std::vector<State> states_;
};

}  // namespace jielong
