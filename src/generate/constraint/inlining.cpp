#include "generate/constraint/inlining.h"

#include <algorithm>
#include <cstddef>

namespace jielong {
namespace {

constexpr std::size_t kSmall = 8;      // parts of a rule that is inlined wherever it is called
constexpr std::size_t kHighest = 400;  // of expressions with what is inlined in them

/// Calls `visit` with every part below `root`, rules not followed.
template <class Visit>
void for_each_part(const ExprPool& pool, ExprId root, const Visit& visit) {
  std::vector<ExprId> work = {root};
  while (!work.empty()) {
    const ExprId id = work.back();
    work.pop_back();
    const Expr& e = pool[id];
    visit(e);
    if (e.kind == Expr::Kind::sequence || e.kind == Expr::Kind::choice) {
      for (std::uint32_t i = 0; i < e.count; ++i) work.push_back(pool.child(e, i));
    } else if (e.kind == Expr::Kind::repeat) {
      work.push_back(e.index);
    } else if (e.kind == Expr::Kind::graph) {
      for (const ExprGraph::Edge& edge : pool.graph(e).edges) work.push_back(edge.label);
    }
  }
}

struct RuleFacts {
  std::vector<RuleId> calls;    // with repetitions
  std::vector<RuleId> callers;  // one for each call
  std::size_t parts = 0;
  std::size_t open_calls = 0;  // of rules not yet known to be free of recursion
  std::size_t height = 0;      // with what is inlined
};

}  // namespace

std::vector<bool> rules_to_inline(const ExprPool& pool, ExprId root) {
  const std::vector<ExprRule>& rules = pool.rules();
  std::vector<RuleFacts> facts(rules.size());
  for (RuleId id = 0; id < rules.size(); ++id) {
    facts[id].height = pool[rules[id].body].height;
    for_each_part(pool, rules[id].body, [&](const Expr& e) {
      ++facts[id].parts;
      if (e.kind == Expr::Kind::rule) facts[id].calls.push_back(e.index);
    });
    facts[id].open_calls = facts[id].calls.size();
  }
  for (RuleId id = 0; id < rules.size(); ++id) {
    for (const RuleId called : facts[id].calls) facts[called].callers.push_back(id);
  }
  std::vector<std::size_t> uses(rules.size());
  for (RuleId id = 0; id < rules.size(); ++id) uses[id] = facts[id].callers.size();
  for_each_part(pool, root, [&](const Expr& e) {
    if (e.kind == Expr::Kind::rule) ++uses[e.index];
  });

  // From the rules that call nothing upwards; those on cycles are never reached.
  std::vector<bool> inlined(rules.size(), false);
  std::vector<RuleId> ready;
  for (RuleId id = 0; id < rules.size(); ++id) {
    if (facts[id].open_calls == 0) ready.push_back(id);
  }
  while (!ready.empty()) {
    const RuleId id = ready.back();
    ready.pop_back();
    for (const RuleId called : facts[id].calls) {
      if (!inlined[called]) continue;
      facts[id].parts += facts[called].parts;
      facts[id].height = std::max<std::size_t>(facts[id].height,
                                               pool[rules[id].body].height + facts[called].height);
    }
    inlined[id] = !rules[id].shared && facts[id].height <= kHighest &&
                  (uses[id] <= 1 || facts[id].parts <= kSmall);
    for (const RuleId caller : facts[id].callers) {
      if (--facts[caller].open_calls == 0) ready.push_back(caller);
    }
  }
  return inlined;
}

}  // namespace jielong
