#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "generate/constraint/char_set.h"
#include "generate/constraint/limits.h"

namespace jielong {

using ExprId = std::uint32_t;
using RuleId = std::uint32_t;

/// A part of a grammar: what the parsers of GBNF, regular expressions and JSON Schema all
/// produce. Parts refer to each other by index, so that nothing about them is recursive.
struct Expr {
  enum class Kind : std::uint8_t {
    nothing,   ///< no text at all matches
    chars,     ///< one character of sets()[index]
    literal,   ///< the bytes literals()[index]
    sequence,  ///< `count` children from `index` on, one after another; none: the empty text
    choice,    ///< one of `count` children from `index` on
    repeat,    ///< the child at `index`, `least` to `most` times
    rule,      ///< rules()[index]
    graph      ///< graphs()[index]
  };
  static constexpr std::uint32_t kUnbounded = UINT32_MAX;

  Kind kind = Kind::nothing;
  bool may_be_empty = false;  ///< rules counted as if they might
  std::uint16_t height = 0;   ///< of the tree below, rules not followed
  std::uint32_t index = 0;
  std::uint32_t count = 0;
  std::uint32_t least = 0, most = 0;
};

/// A way through numbered points, from 0 to one of the `ends`; each edge is an expression. For
/// what sequence and choice cannot say without repeating themselves.
struct ExprGraph {
  struct Edge {
    std::uint32_t from;
    ExprId label;
    std::uint32_t to;
  };
  std::uint32_t points = 1;
  std::vector<Edge> edges;
  std::vector<std::uint32_t> ends;
};

struct ExprRule {
  std::string name;
  ExprId body = 0;
  bool defined = false;
  bool shared = false;  ///< never inlined, so that its masks serve every place that calls it
};

/// The parts and rules of one grammar under construction. Every maker throws Error(limit).
class ExprPool {
 public:
  explicit ExprPool(const GrammarLimits& limits);

  ExprId nothing() const { return 0; }
  ExprId empty() const { return 1; }
  ExprId chars(const CharSet& set);
  ExprId literal(std::string_view bytes);
  ExprId sequence(const std::vector<ExprId>& parts);
  ExprId choice(const std::vector<ExprId>& parts);
  ExprId repeat(ExprId part, std::size_t least, std::size_t most = Expr::kUnbounded);
  ExprId optional(ExprId part) { return repeat(part, 0, 1); }
  ExprId rule(RuleId rule);
  ExprId graph(ExprGraph graph);

  RuleId add_rule(std::string name, bool shared = false);
  void define(RuleId rule, ExprId body);

  /// Takes over another pool's parts and rules; returns the one that was `root` there.
  ExprId append(const ExprPool& other, ExprId root);

  const Expr& operator[](ExprId id) const { return parts_[id]; }
  std::size_t size() const { return parts_.size(); }
  ExprId child(const Expr& e, std::uint32_t i) const { return children_[e.index + i]; }
  const CharSet& set(const Expr& e) const { return sets_[e.index]; }
  const std::string& literal(const Expr& e) const { return literals_[e.index]; }
  const ExprGraph& graph(const Expr& e) const { return graphs_[e.index]; }
  const std::vector<ExprRule>& rules() const { return rules_; }
  const GrammarLimits& limits() const { return limits_; }
  std::size_t bytes() const;

 private:
  ExprId add(Expr e, std::uint16_t highest_child);
  ExprId add_list(Expr::Kind kind, const std::vector<ExprId>& parts);

  GrammarLimits limits_;
  std::vector<Expr> parts_;
  std::vector<ExprId> children_;
  std::vector<CharSet> sets_;
  std::vector<std::string> literals_;
  std::vector<ExprGraph> graphs_;
  std::vector<ExprRule> rules_;
};

/// Throws Error(limit) that names the bound `name` of `bound`.
[[noreturn]] void throw_grammar_limit(std::string_view name, std::size_t bound,
                                      const std::string& where = "grammar");

}  // namespace jielong
