#pragma once

#include <cstdint>
#include <vector>

#include "generate/constraint/expression.h"

namespace jielong {

/// A stretch of a network in which a repeated part was unrolled: copy i ≥ 1 (copy 0 differs)
/// owns the nodes [first + (i − 1)·size, first + i·size), of which the first stands behind it.
struct UnrolledPart {
  std::uint32_t first = 0, size = 0, copies = 0;
  std::uint32_t least = 0, most = 0;
};

/// Lays an expression out as nodes and edges of a nondeterministic automaton (Thompson 1968).
/// Sink gives nodes and takes edges:
///     std::uint32_t node();
///     void epsilon(from, to);
///     void chars(from, const CharSet&, to);
///     void literal(from, const std::string&, to);
///     bool call(from, rule, to);          // false: lay the rule's body out in place
///     void unrolled(const UnrolledPart&);
/// The recursion is as deep as expressions are high, which the pool bounds.
template <class Sink>
class Thompson {
 public:
  Thompson(const ExprPool& pool, Sink& sink) : pool_(pool), sink_(sink) {}

  void lay(ExprId id, std::uint32_t from, std::uint32_t to) {
    const Expr& e = pool_[id];
    switch (e.kind) {
      case Expr::Kind::nothing: return;
      case Expr::Kind::chars: sink_.chars(from, pool_.set(e), to); return;
      case Expr::Kind::literal: sink_.literal(from, pool_.literal(e), to); return;
      case Expr::Kind::sequence: lay_sequence(e, from, to); return;
      case Expr::Kind::choice:
        for (std::uint32_t i = 0; i < e.count; ++i) lay(pool_.child(e, i), from, to);
        return;
      case Expr::Kind::repeat: lay_repeat(e, from, to); return;
      case Expr::Kind::rule:
        if (!sink_.call(from, e.index, to)) lay(pool_.rules()[e.index].body, from, to);
        return;
      case Expr::Kind::graph: lay_graph(pool_.graph(e), from, to); return;
    }
  }

 private:
  void lay_sequence(const Expr& e, std::uint32_t from, std::uint32_t to) {
    if (e.count == 0) sink_.epsilon(from, to);
    for (std::uint32_t i = 0; i < e.count; ++i) {
      const std::uint32_t next = i + 1 == e.count ? to : sink_.node();
      lay(pool_.child(e, i), from, next);
      from = next;
    }
  }

  void lay_repeat(const Expr& e, std::uint32_t from, std::uint32_t to) {
    const bool bounded = e.most != Expr::kUnbounded;
    const std::uint32_t copies = bounded ? e.most : e.least;
    UnrolledPart part{0, 0, copies, e.least, e.most};
    for (std::uint32_t i = 0; i < copies; ++i) {
      if (i >= e.least) sink_.epsilon(from, to);
      const std::uint32_t next = sink_.node();
      if (i == 1) part.first = next;
      if (i == 2) part.size = next - part.first;
      lay(e.index, from, next);
      from = next;
    }
    if (bounded) {
      sink_.epsilon(from, to);
    } else {
      const std::uint32_t loop = sink_.node();
      sink_.epsilon(from, loop);
      lay(e.index, loop, loop);
      sink_.epsilon(loop, to);
    }
    if (copies > 2 && !pool_[e.index].may_be_empty) sink_.unrolled(part);
  }

  void lay_graph(const ExprGraph& graph, std::uint32_t from, std::uint32_t to) {
    std::vector<std::uint32_t> nodes(graph.points);
    for (std::uint32_t& node : nodes) node = sink_.node();
    sink_.epsilon(from, nodes[0]);
    for (const ExprGraph::Edge& edge : graph.edges) {
      lay(edge.label, nodes[edge.from], nodes[edge.to]);
    }
    for (const std::uint32_t end : graph.ends) sink_.epsilon(nodes[end], to);
  }

  const ExprPool& pool_;
  Sink& sink_;
};

}  // namespace jielong
