#include "generate/constraint/expression.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace jielong {

void throw_grammar_limit(std::string_view name, std::size_t bound, const std::string& where) {
  throw Error(ErrorKind::limit, fmt::format("needs more than {} {}", bound, name), where,
              "make the grammar simpler");
}

ExprPool::ExprPool(const GrammarLimits& limits) : limits_(limits) {
  parts_.push_back({});
  Expr none;
  none.kind = Expr::Kind::sequence;
  none.may_be_empty = true;
  parts_.push_back(none);
}

ExprId ExprPool::add(Expr e, std::uint16_t highest_child) {
  // A group is up to three parts high: a repetition of a choice of sequences.
  const std::size_t highest = 4 * limits_.depth;
  if (highest_child + std::size_t{1} > highest) {
    throw_grammar_limit("levels of nesting", limits_.depth);
  }
  if (parts_.size() >= limits_.expressions) {
    throw_grammar_limit("parts of rules", limits_.expressions);
  }
  e.height = static_cast<std::uint16_t>(highest_child + 1);
  parts_.push_back(e);
  return static_cast<ExprId>(parts_.size() - 1);
}

ExprId ExprPool::chars(const CharSet& set) {
  if (set.empty()) return nothing();
  if (set.ranges().size() > limits_.class_ranges) {
    throw_grammar_limit("ranges in a character class", limits_.class_ranges);
  }
  Expr e;
  e.kind = Expr::Kind::chars;
  e.index = static_cast<std::uint32_t>(sets_.size());
  sets_.push_back(set);
  return add(e, 0);
}

ExprId ExprPool::literal(std::string_view bytes) {
  if (bytes.empty()) return empty();
  Expr e;
  e.kind = Expr::Kind::literal;
  e.index = static_cast<std::uint32_t>(literals_.size());
  literals_.emplace_back(bytes);
  return add(e, 0);
}

ExprId ExprPool::add_list(Expr::Kind kind, const std::vector<ExprId>& parts) {
  Expr e;
  e.kind = kind;
  e.index = static_cast<std::uint32_t>(children_.size());
  e.count = static_cast<std::uint32_t>(parts.size());
  if (children_.size() + parts.size() > 4 * limits_.expressions) {
    throw_grammar_limit("parts of rules", limits_.expressions);
  }
  children_.insert(children_.end(), parts.begin(), parts.end());
  std::uint16_t highest = 0;
  e.may_be_empty = kind == Expr::Kind::sequence;
  for (const ExprId part : parts) {
    highest = std::max(highest, parts_[part].height);
    const bool empty = parts_[part].may_be_empty;
    e.may_be_empty =
        kind == Expr::Kind::sequence ? e.may_be_empty && empty : e.may_be_empty || empty;
  }
  return add(e, highest);
}

ExprId ExprPool::sequence(const std::vector<ExprId>& parts) {
  if (parts.empty()) return empty();
  if (parts.size() == 1) return parts.front();
  return add_list(Expr::Kind::sequence, parts);
}

ExprId ExprPool::choice(const std::vector<ExprId>& parts) {
  if (parts.empty()) return nothing();
  if (parts.size() == 1) return parts.front();
  return add_list(Expr::Kind::choice, parts);
}

ExprId ExprPool::repeat(ExprId part, std::size_t least, std::size_t most) {
  const bool bounded = most != Expr::kUnbounded;
  if (std::max(least, bounded ? most : 0) > limits_.repetition) {
    throw_grammar_limit("repetitions of one part", limits_.repetition);
  }
  if (bounded && most < least) {
    throw bad_input(fmt::format("{{{},{}}} repeats at least more often than at most", least, most),
                    "grammar");
  }
  if (most == 0) return empty();
  if (least == 1 && most == 1) return part;
  Expr e;
  e.kind = Expr::Kind::repeat;
  e.index = part;
  e.least = static_cast<std::uint32_t>(least);
  e.most = static_cast<std::uint32_t>(most);
  e.may_be_empty = least == 0 || parts_[part].may_be_empty;
  return add(e, parts_[part].height);
}

ExprId ExprPool::rule(RuleId rule) {
  Expr e;
  e.kind = Expr::Kind::rule;
  e.index = rule;
  e.may_be_empty = true;  // its body may not be known yet
  return add(e, 0);
}

ExprId ExprPool::graph(ExprGraph graph) {
  Expr e;
  e.kind = Expr::Kind::graph;
  e.index = static_cast<std::uint32_t>(graphs_.size());
  std::uint16_t highest = 0;
  for (const ExprGraph::Edge& edge : graph.edges) {
    highest = std::max(highest, parts_[edge.label].height);
    e.may_be_empty = e.may_be_empty || parts_[edge.label].may_be_empty;
  }
  e.may_be_empty =
      e.may_be_empty || std::find(graph.ends.begin(), graph.ends.end(), 0U) != graph.ends.end();
  graphs_.push_back(std::move(graph));
  return add(e, highest);
}

RuleId ExprPool::add_rule(std::string name, bool shared) {
  if (rules_.size() >= limits_.rules) throw_grammar_limit("rules", limits_.rules);
  rules_.push_back({std::move(name), 0, false, shared});
  return static_cast<RuleId>(rules_.size() - 1);
}

void ExprPool::define(RuleId rule, ExprId body) {
  rules_[rule].body = body;
  rules_[rule].defined = true;
}

std::size_t ExprPool::bytes() const {
  std::size_t bytes = parts_.size() * sizeof(Expr) + children_.size() * sizeof(ExprId) +
                      rules_.size() * sizeof(ExprRule);
  for (const CharSet& set : sets_) bytes += set.ranges().size() * sizeof(CharSet::Range);
  for (const std::string& literal : literals_) bytes += literal.size();
  for (const ExprGraph& graph : graphs_) bytes += graph.edges.size() * sizeof(ExprGraph::Edge);
  return bytes;
}

ExprId ExprPool::append(const ExprPool& other, ExprId root) {
  const auto parts = static_cast<std::uint32_t>(parts_.size());
  const auto children = static_cast<std::uint32_t>(children_.size());
  const auto sets = static_cast<std::uint32_t>(sets_.size());
  const auto literals = static_cast<std::uint32_t>(literals_.size());
  const auto graphs = static_cast<std::uint32_t>(graphs_.size());
  const auto rules = static_cast<std::uint32_t>(rules_.size());
  if (parts_.size() + other.parts_.size() > limits_.expressions) {
    throw_grammar_limit("parts of rules", limits_.expressions);
  }
  if (rules_.size() + other.rules_.size() > limits_.rules) {
    throw_grammar_limit("rules", limits_.rules);
  }
  for (Expr e : other.parts_) {
    switch (e.kind) {
      case Expr::Kind::nothing: break;
      case Expr::Kind::chars: e.index += sets; break;
      case Expr::Kind::literal: e.index += literals; break;
      case Expr::Kind::sequence:
      case Expr::Kind::choice: e.index += children; break;
      case Expr::Kind::repeat: e.index += parts; break;
      case Expr::Kind::rule: e.index += rules; break;
      case Expr::Kind::graph: e.index += graphs; break;
    }
    parts_.push_back(e);
  }
  for (const ExprId child : other.children_) children_.push_back(child + parts);
  sets_.insert(sets_.end(), other.sets_.begin(), other.sets_.end());
  literals_.insert(literals_.end(), other.literals_.begin(), other.literals_.end());
  for (ExprGraph graph : other.graphs_) {
    for (ExprGraph::Edge& edge : graph.edges) edge.label += parts;
    graphs_.push_back(std::move(graph));
  }
  for (ExprRule rule : other.rules_) {
    rule.body += parts;
    rules_.push_back(std::move(rule));
  }
  return root + parts;
}

}  // namespace jielong
