#include "generate/constraint/char_automaton.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "base/utf8.h"
#include "generate/constraint/thompson.h"

namespace jielong {
namespace {

constexpr char32_t kLast = 0x10FFFF;
constexpr std::size_t kMaxWork = 30'000'000;

/// The nondeterministic automaton that expressions are laid out to.
class CharNetwork {
 public:
  struct Edge {
    char32_t first, last;
    std::uint32_t target;
  };

  explicit CharNetwork(const GrammarLimits& limits) : limits_(limits) {}

  std::uint32_t node() {
    if (edges_.size() >= limits_.nodes) throw_grammar_limit("nodes", limits_.nodes);
    edges_.emplace_back();
    epsilons_.emplace_back();
    return static_cast<std::uint32_t>(edges_.size() - 1);
  }
  void epsilon(std::uint32_t from, std::uint32_t to) {
    count_edge();
    epsilons_[from].push_back(to);
  }
  void chars(std::uint32_t from, const CharSet& set, std::uint32_t to) {
    for (const CharSet::Range& range : set.ranges()) {
      count_edge();
      edges_[from].push_back({range.first, range.last, to});
    }
  }
  void literal(std::uint32_t from, const std::string& bytes, std::uint32_t to) {
    for (std::string_view rest = bytes; !rest.empty();) {
      const CodePoint point = decode_utf8(rest);
      rest.remove_prefix(point.length);
      const std::uint32_t next = rest.empty() ? to : node();
      count_edge();
      edges_[from].push_back({point.value, point.value, next});
      from = next;
    }
  }
  bool call(std::uint32_t, RuleId, std::uint32_t) { return false; }
  void unrolled(const UnrolledPart&) {}

  const std::vector<Edge>& edges(std::uint32_t node) const { return edges_[node]; }

  /// Adds all that is reached for nothing, and sorts.
  void close(std::vector<std::uint32_t>& nodes) {
    std::vector<std::uint32_t> work = nodes;
    nodes.clear();
    ++stamp_;
    seen_.resize(edges_.size(), 0);
    while (!work.empty()) {
      const std::uint32_t node = work.back();
      work.pop_back();
      if (std::exchange(seen_[node], stamp_) == stamp_) continue;
      nodes.push_back(node);
      work.insert(work.end(), epsilons_[node].begin(), epsilons_[node].end());
    }
    std::sort(nodes.begin(), nodes.end());
  }

 private:
  void count_edge() {
    if (++edge_count_ > limits_.edges) throw_grammar_limit("edges", limits_.edges);
  }

  const GrammarLimits& limits_;
  std::vector<std::vector<Edge>> edges_;
  std::vector<std::vector<std::uint32_t>> epsilons_;
  std::vector<std::uint32_t> seen_;
  std::uint32_t stamp_ = 0;
  std::size_t edge_count_ = 0;
};

/// Appends [first, last] → target, joined with the edge before where they touch.
void push_edge(std::vector<CharAutomaton::Edge>& edges, char32_t first, char32_t last,
               std::uint32_t target) {
  if (!edges.empty() && edges.back().target == target && edges.back().last + 1 == first) {
    edges.back().last = last;
  } else {
    edges.push_back({first, last, target});
  }
}

}  // namespace

CharAutomaton CharAutomaton::of(const ExprPool& pool, ExprId root) {
  const GrammarLimits& limits = pool.limits();
  CharNetwork network(limits);
  const std::uint32_t start = network.node(), end = network.node();
  Thompson<CharNetwork>(pool, network).lay(root, start, end);

  std::vector<State> states;
  std::vector<std::vector<std::uint32_t>> sets;
  std::map<std::vector<std::uint32_t>, std::uint32_t> known;
  const auto state_of = [&](std::vector<std::uint32_t> nodes) {
    network.close(nodes);
    const auto [entry, added] = known.try_emplace(nodes, static_cast<std::uint32_t>(states.size()));
    if (added) {
      if (states.size() >= limits.automaton_states) {
        throw_grammar_limit("states", limits.automaton_states);
      }
      states.emplace_back();
      states.back().accepts = std::binary_search(nodes.begin(), nodes.end(), end);
      sets.push_back(std::move(nodes));
    }
    return entry->second;
  };
  state_of({start});

  struct Border {
    char32_t at;
    bool opens;
    std::uint32_t target;
  };
  std::size_t work = 0;
  for (std::uint32_t state = 0; state < states.size(); ++state) {
    std::vector<Border> borders;
    for (const std::uint32_t node : sets[state]) {
      for (const CharNetwork::Edge& edge : network.edges(node)) {
        borders.push_back({edge.first, true, edge.target});
        borders.push_back({edge.last + 1, false, edge.target});
      }
    }
    std::sort(borders.begin(), borders.end(),
              [](const Border& a, const Border& b) { return a.at < b.at; });
    std::map<std::uint32_t, std::size_t> open;  // targets, and by how many edges
    for (std::size_t i = 0; i < borders.size();) {
      const char32_t at = borders[i].at;
      for (; i < borders.size() && borders[i].at == at; ++i) {
        if (borders[i].opens) {
          ++open[borders[i].target];
        } else if (--open[borders[i].target] == 0) {
          open.erase(borders[i].target);
        }
      }
      if (open.empty()) continue;
      std::vector<std::uint32_t> targets;
      for (const auto& [target, count] : open) targets.push_back(target);
      work += targets.size() + sets[state].size() / 8;
      if (work > kMaxWork) throw_grammar_limit("steps to make it deterministic", kMaxWork);
      const std::uint32_t target = state_of(std::move(targets));
      push_edge(states[state].edges, at, borders[i].at - 1, target);
    }
  }
  return CharAutomaton(std::move(states));
}

CharAutomaton CharAutomaton::anything() {
  State state;
  state.accepts = true;
  state.edges.push_back({0, kLast, 0});
  return CharAutomaton({state});
}

CharAutomaton CharAutomaton::intersect(const CharAutomaton& other,
                                       const GrammarLimits& limits) const {
  std::vector<State> states;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> known;
  const std::vector<bool> mine = live(), theirs = other.live();
  const auto state_of = [&](std::uint32_t a, std::uint32_t b) {
    const auto [entry, added] =
        known.try_emplace(std::pair(a, b), static_cast<std::uint32_t>(states.size()));
    if (added) {
      if (states.size() >= limits.automaton_states) {
        throw_grammar_limit("states", limits.automaton_states);
      }
      states.emplace_back();
      states.back().accepts = states_[a].accepts && other.states_[b].accepts;
      pairs.emplace_back(a, b);
    }
    return entry->second;
  };
  state_of(0, 0);
  for (std::uint32_t state = 0; state < states.size(); ++state) {
    const auto [a, b] = pairs[state];
    const std::vector<Edge>&left = states_[a].edges, &right = other.states_[b].edges;
    for (std::size_t i = 0, j = 0; i < left.size() && j < right.size();) {
      const char32_t first = std::max(left[i].first, right[j].first);
      const char32_t last = std::min(left[i].last, right[j].last);
      if (first <= last && mine[left[i].target] && theirs[right[j].target]) {
        const std::uint32_t target = state_of(left[i].target, right[j].target);
        push_edge(states[state].edges, first, last, target);
      }
      if (left[i].last < right[j].last) {
        ++i;
      } else {
        ++j;
      }
    }
  }
  return CharAutomaton(std::move(states));
}

CharAutomaton CharAutomaton::complement() const {
  std::vector<State> states = states_;
  const auto trap = static_cast<std::uint32_t>(states.size());
  for (State& state : states) {
    state.accepts = !state.accepts;
    std::vector<Edge> edges;
    char32_t next = 0;
    for (const Edge& edge : state.edges) {
      if (edge.first > next) push_edge(edges, next, edge.first - 1, trap);
      edges.push_back(edge);
      next = edge.last + 1;
    }
    if (next <= kLast) push_edge(edges, next, kLast, trap);
    state.edges = std::move(edges);
  }
  State everything;
  everything.accepts = true;
  everything.edges.push_back({0, kLast, trap});
  states.push_back(std::move(everything));
  return CharAutomaton(std::move(states));
}

std::vector<bool> CharAutomaton::live() const {
  std::vector<std::vector<std::uint32_t>> sources(states_.size());
  std::vector<std::uint32_t> work;
  std::vector<bool> alive(states_.size(), false);
  for (std::uint32_t i = 0; i < states_.size(); ++i) {
    for (const Edge& edge : states_[i].edges) sources[edge.target].push_back(i);
    if (!states_[i].accepts) continue;
    alive[i] = true;
    work.push_back(i);
  }
  while (!work.empty()) {
    const std::uint32_t state = work.back();
    work.pop_back();
    for (const std::uint32_t source : sources[state]) {
      if (alive[source]) continue;
      alive[source] = true;
      work.push_back(source);
    }
  }
  return alive;
}

bool CharAutomaton::empty() const {
  const std::vector<bool> alive = live();
  // All states are reachable by construction but those of complement(), whose trap may not be.
  std::vector<bool> reached(states_.size(), false);
  std::vector<std::uint32_t> work = {0};
  reached[0] = true;
  while (!work.empty()) {
    const std::uint32_t state = work.back();
    work.pop_back();
    if (states_[state].accepts) return false;
    for (const Edge& edge : states_[state].edges) {
      if (reached[edge.target] || !alive[edge.target]) continue;
      reached[edge.target] = true;
      work.push_back(edge.target);
    }
  }
  return true;
}

bool CharAutomaton::matches(std::string_view text) const {
  std::uint32_t state = 0;
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    text.remove_prefix(point.length);
    const std::vector<Edge>& edges = states_[state].edges;
    const auto found = std::find_if(edges.begin(), edges.end(), [&](const Edge& edge) {
      return edge.first <= point.value && point.value <= edge.last;
    });
    if (found == edges.end()) return false;
    state = found->target;
  }
  return states_[state].accepts;
}

ExprId CharAutomaton::write(ExprPool& pool, const CharWriter& writer) const {
  const std::vector<bool> alive = live();
  ExprGraph graph;
  graph.points = static_cast<std::uint32_t>(states_.size());
  std::map<std::vector<std::pair<char32_t, char32_t>>, ExprId> written;
  for (std::uint32_t state = 0; state < states_.size(); ++state) {
    if (states_[state].accepts) graph.ends.push_back(state);
    std::map<std::uint32_t, CharSet> by_target;
    for (const Edge& edge : states_[state].edges) {
      if (alive[edge.target]) by_target[edge.target].add(edge.first, edge.last);
    }
    for (const auto& [target, set] : by_target) {
      std::vector<std::pair<char32_t, char32_t>> key;
      for (const CharSet::Range& range : set.ranges()) key.emplace_back(range.first, range.last);
      const auto [entry, added] = written.try_emplace(std::move(key), 0);
      if (added) entry->second = writer(set);
      graph.edges.push_back({state, entry->second, target});
    }
  }
  return pool.graph(std::move(graph));
}

}  // namespace jielong
