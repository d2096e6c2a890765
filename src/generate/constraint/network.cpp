#include "generate/constraint/network.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/error.h"
#include "generate/constraint/inlining.h"

namespace jielong {
namespace {

constexpr std::uint32_t kNone = UINT32_MAX;

struct RawEdge {
  enum class Kind : std::uint8_t { epsilon, byte, call };
  std::uint32_t from, to;
  std::uint32_t rule;  // of a call
  Kind kind;
  std::uint8_t first, last;  // of a byte
};

/// For each number below `size` the edges whose key it is, as indices.
class EdgeIndex {
 public:
  template <class Key>
  EdgeIndex(const std::vector<RawEdge>& edges, std::size_t size, const Key& key)
      : begins_(size + 1, 0), edges_(0) {
    for (const RawEdge& edge : edges) {
      if (const std::uint32_t k = key(edge); k != kNone) ++begins_[k + 1];
    }
    for (std::size_t i = 0; i < size; ++i) begins_[i + 1] += begins_[i];
    edges_.resize(begins_[size]);
    std::vector<std::uint32_t> next(begins_.begin(), begins_.end() - 1);
    for (std::uint32_t i = 0; i < edges.size(); ++i) {
      if (const std::uint32_t k = key(edges[i]); k != kNone) edges_[next[k]++] = i;
    }
  }
  std::span<const std::uint32_t> operator[](std::uint32_t key) const {
    return std::span(edges_).subspan(begins_[key], begins_[key + 1] - begins_[key]);
  }

 private:
  std::vector<std::uint32_t> begins_, edges_;
};

}  // namespace

class NetworkBuilder {
 public:
  NetworkBuilder(GrammarNetwork& network, const ExprPool& pool, ExprId root)
      : network_(network),
        pool_(pool),
        limits_(pool.limits()),
        inlined_(rules_to_inline(pool, root)),
        numbers_(pool.rules().size(), kNone) {
    Thompson<NetworkBuilder> thompson(pool, *this);
    add_rule("the text");
    thompson.lay(root, starts_[0], ends_[0]);
    for (std::uint32_t rule = 1; rule < starts_.size(); ++rule) {  // grows as rules are called
      thompson.lay(pool.rules()[sources_[rule]].body, starts_[rule], ends_[rule]);
    }
  }

  void finish() {
    const EdgeIndex by_source(edges_, node_count_, [](const RawEdge& e) { return e.from; });
    {
      const EdgeIndex by_target(edges_, node_count_, [](const RawEdge& e) { return e.to; });
      const EdgeIndex by_rule(edges_, starts_.size(), [](const RawEdge& e) {
        return e.kind == RawEdge::Kind::call ? e.rule : kNone;
      });
      empty_ = reach_end(by_target, by_rule, false);
      productive_ = reach_end(by_target, by_rule, true);
    }
    rank(by_source);
    if (!productive_[starts_[0]]) {
      throw bad_input("no text can match", "grammar",
                      "look for rules without an end and for contradictions");
    }
    close(by_source);
    classify();
  }

  // What Thompson asks for.

  std::uint32_t node() {
    if (node_count_ >= limits_.nodes) throw_grammar_limit("nodes", limits_.nodes);
    return static_cast<std::uint32_t>(node_count_++);
  }
  void epsilon(std::uint32_t from, std::uint32_t to) {
    add({from, to, 0, RawEdge::Kind::epsilon, 0, 0});
  }
  void literal(std::uint32_t from, const std::string& bytes, std::uint32_t to) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const std::uint32_t next = i + 1 == bytes.size() ? to : node();
      const auto byte = static_cast<std::uint8_t>(bytes[i]);
      add_byte(from, {byte, byte}, next);
      from = next;
    }
  }
  void chars(std::uint32_t from, const CharSet& set, std::uint32_t to) {
    // Where any continuation bytes follow, characters share the nodes: shared[n] has n to go.
    std::uint32_t shared[4] = {to, kNone, kNone, kNone};
    const auto continued = [&](std::size_t left) {
      for (std::size_t i = 1; i <= left; ++i) {
        if (shared[i] != kNone) continue;
        shared[i] = node();
        add_byte(shared[i], {0x80, 0xBF}, shared[i - 1]);
      }
      return shared[left];
    };
    for (const ByteRanges& run : utf8_ranges(set)) {
      std::size_t plain = 0;  // bytes at the end that may be any continuation
      while (plain + 1 < run.length && run.bytes[run.length - 1 - plain].first == 0x80 &&
             run.bytes[run.length - 1 - plain].last == 0xBF) {
        ++plain;
      }
      std::uint32_t at = from;
      for (std::size_t i = 0; i + plain < run.length; ++i) {
        const bool last = i + plain + 1 == run.length;
        const std::uint32_t next = last ? continued(plain) : node();
        add_byte(at, run.bytes[i], next);
        at = next;
      }
    }
  }
  bool call(std::uint32_t from, RuleId rule, std::uint32_t to) {
    if (inlined_[rule]) return false;
    if (numbers_[rule] == kNone) {
      numbers_[rule] = static_cast<std::uint32_t>(starts_.size());
      add_rule(pool_.rules()[rule].name, rule);
    }
    add({from, to, numbers_[rule], RawEdge::Kind::call, 0, 0});
    return true;
  }
  void unrolled(const UnrolledPart& part) { network_.unrolled_.push_back(part); }

 private:
  void add_rule(const std::string& name, RuleId source = 0) {
    names_.push_back(name);
    sources_.push_back(source);
    starts_.push_back(node());
    ends_.push_back(node());
  }
  void add(const RawEdge& edge) {
    if (edges_.size() >= limits_.edges) throw_grammar_limit("edges", limits_.edges);
    edges_.push_back(edge);
  }
  void add_byte(std::uint32_t from, ByteRanges::Range range, std::uint32_t to) {
    add({from, to, 0, RawEdge::Kind::byte, range.first, range.last});
  }

  /// Which nodes can reach the end of their rule; without `bytes`, by reading nothing.
  std::vector<bool> reach_end(const EdgeIndex& by_target, const EdgeIndex& by_rule,
                              bool bytes) const {
    std::vector<bool> reaches(node_count_, false);
    std::vector<std::uint32_t> work;
    const auto mark = [&](std::uint32_t node) {
      if (reaches[node]) return;
      reaches[node] = true;
      work.push_back(node);
    };
    std::vector<std::uint32_t> rule_at(node_count_, kNone);
    for (std::uint32_t rule = 0; rule < starts_.size(); ++rule) {
      rule_at[starts_[rule]] = rule;
      mark(ends_[rule]);
    }
    while (!work.empty()) {
      const std::uint32_t node = work.back();
      work.pop_back();
      for (const std::uint32_t i : by_target[node]) {
        const RawEdge& edge = edges_[i];
        const bool open = edge.kind == RawEdge::Kind::epsilon ||
                          (edge.kind == RawEdge::Kind::byte && bytes) ||
                          (edge.kind == RawEdge::Kind::call && reaches[starts_[edge.rule]]);
        if (open) mark(edge.from);
      }
      if (const std::uint32_t rule = rule_at[node]; rule != kNone) {
        for (const std::uint32_t i : by_rule[rule]) {
          if (reaches[edges_[i].to]) mark(edges_[i].from);
        }
      }
    }
    return reaches;
  }

  /// Gives every node that an edge leads to the edges of all nodes it reaches for nothing.
  void close(const EdgeIndex& by_source) {
    std::vector<bool> wanted(node_count_, false);
    for (const std::uint32_t start : starts_) wanted[start] = true;
    for (const RawEdge& edge : edges_) {
      if (edge.kind != RawEdge::Kind::epsilon) wanted[edge.to] = true;
    }
    std::vector<bool> is_end(node_count_, false);
    for (const std::uint32_t end : ends_) is_end[end] = true;

    std::vector<std::uint32_t> stamp(node_count_, kNone), work;
    std::size_t visits = 0;
    network_.nodes_.resize(node_count_ + 1);
    for (std::uint32_t node = 0; node < node_count_; ++node) {
      GrammarNetwork::Node& out = network_.nodes_[node];
      const std::size_t first_byte = bytes_.size();
      const auto first_call = static_cast<std::ptrdiff_t>(network_.calls_.size());
      out.bytes = static_cast<std::uint32_t>(first_byte);
      out.calls = static_cast<std::uint32_t>(first_call);
      if (!wanted[node] || !productive_[node]) continue;
      work.assign(1, node);
      stamp[node] = node;
      while (!work.empty()) {
        const std::uint32_t at = work.back();
        work.pop_back();
        if (++visits > 8 * limits_.edges) throw_grammar_limit("edges", limits_.edges);
        out.final = out.final || is_end[at];
        for (const std::uint32_t i : by_source[at]) {
          const RawEdge& edge = edges_[i];
          if (!productive_[edge.to]) continue;
          if (edge.kind == RawEdge::Kind::byte) {
            bytes_.push_back({edge.first, edge.last, edge.to});
            continue;
          }
          if (edge.kind == RawEdge::Kind::call) {
            if (!productive_[starts_[edge.rule]]) continue;
            network_.calls_.push_back({edge.rule, edge.to});
            if (!empty_[starts_[edge.rule]]) continue;
          }
          if (stamp[edge.to] == node) continue;
          stamp[edge.to] = node;
          work.push_back(edge.to);
        }
      }
      tidy(first_byte, first_call);
      out.tail = out.final && bytes_.size() == first_byte &&
                 network_.calls_.size() == static_cast<std::size_t>(first_call);
      if (bytes_.size() + network_.calls_.size() > 2 * limits_.edges) {
        throw_grammar_limit("edges", limits_.edges);
      }
    }
    network_.nodes_.back().bytes = static_cast<std::uint32_t>(bytes_.size());
    network_.nodes_.back().calls = static_cast<std::uint32_t>(network_.calls_.size());
  }

  /// Drops the last node's double edges and joins ranges of bytes that touch.
  void tidy(std::size_t first_byte, std::ptrdiff_t first_call) {
    const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(first_byte);
    std::sort(begin, bytes_.end(), [](const auto& a, const auto& b) {
      return std::pair(a.target, a.first) < std::pair(b.target, b.first);
    });
    std::size_t kept = first_byte;
    for (std::size_t i = first_byte; i < bytes_.size(); ++i) {
      const GrammarNetwork::ByteEdge edge = bytes_[i];
      if (kept > first_byte && bytes_[kept - 1].target == edge.target &&
          int{edge.first} <= int{bytes_[kept - 1].last} + 1) {
        bytes_[kept - 1].last = std::max(bytes_[kept - 1].last, edge.last);
      } else {
        bytes_[kept++] = edge;
      }
    }
    bytes_.resize(kept);
    auto& calls = network_.calls_;
    std::sort(calls.begin() + first_call, calls.end(), [](const auto& a, const auto& b) {
      return std::pair(a.rule, a.target) < std::pair(b.rule, b.target);
    });
    calls.erase(std::unique(calls.begin() + first_call, calls.end(),
                            [](const auto& a, const auto& b) {
                              return a.rule == b.rule && a.target == b.target;
                            }),
                calls.end());
  }

  /// The rules that each rule may begin with.
  std::vector<std::vector<std::uint32_t>> first_calls(const EdgeIndex& by_source) const {
    std::vector<std::vector<std::uint32_t>> firsts(starts_.size());
    std::vector<std::uint32_t> stamp(node_count_, kNone), called_by(starts_.size(), kNone), work;
    for (std::uint32_t rule = 0; rule < starts_.size(); ++rule) {
      work.assign(1, starts_[rule]);
      stamp[starts_[rule]] = rule;
      while (!work.empty()) {
        const std::uint32_t at = work.back();
        work.pop_back();
        for (const std::uint32_t i : by_source[at]) {
          const RawEdge& edge = edges_[i];
          if (edge.kind == RawEdge::Kind::byte) continue;
          if (edge.kind == RawEdge::Kind::call) {
            if (std::exchange(called_by[edge.rule], rule) != rule)
              firsts[rule].push_back(edge.rule);
            if (!empty_[starts_[edge.rule]]) continue;
          }
          if (std::exchange(stamp[edge.to], rule) != rule) work.push_back(edge.to);
        }
      }
    }
    return firsts;
  }

  /// Orders the rules so that each stands before those it begins with.
  void rank(const EdgeIndex& by_source) {
    const std::vector<std::vector<std::uint32_t>> firsts = first_calls(by_source);
    for (const std::uint32_t start : starts_) network_.rules_.push_back({start, 0});
    enum class Color : std::uint8_t { white, open, done };
    std::vector<Color> color(starts_.size(), Color::white);
    auto next_rank = static_cast<std::uint32_t>(starts_.size());
    struct Visit {
      std::uint32_t rule;
      std::size_t next;
    };
    std::vector<Visit> path;
    for (std::uint32_t root = 0; root < starts_.size(); ++root) {
      if (color[root] != Color::white) continue;
      path.push_back({root, 0});
      color[root] = Color::open;
      while (!path.empty()) {
        Visit& visit = path.back();
        const auto& calls = firsts[visit.rule];
        if (visit.next == calls.size()) {
          color[visit.rule] = Color::done;
          network_.rules_[visit.rule].rank = --next_rank;
          path.pop_back();
          continue;
        }
        const std::uint32_t called = calls[visit.next++];
        if (color[called] == Color::open) throw_left_recursion(path, called);
        if (color[called] == Color::white) {
          color[called] = Color::open;
          path.push_back({called, 0});
        }
      }
    }
  }

  template <class Path>
  [[noreturn]] void throw_left_recursion(const Path& path, std::uint32_t called) const {
    std::string cycle;
    bool within = false;
    std::size_t shown = 0;
    for (const auto& visit : path) {
      within = within || visit.rule == called;
      if (!within) continue;
      if (++shown <= 20) cycle += names_[visit.rule] + " → ";
      if (shown == 21) cycle += "… → ";
    }
    throw bad_input("left recursion: " + cycle + names_[called], "grammar",
                    "let the rule read something before it calls itself");
  }

  /// Numbers the bytes by what the grammar tells apart.
  void classify() {
    std::array<bool, 257> begins{};
    begins[0] = true;
    for (const GrammarNetwork::ByteEdge& edge : bytes_) {
      begins[edge.first] = true;
      begins[std::size_t{edge.last} + 1] = true;
    }
    std::uint32_t count = 0;
    for (std::size_t byte = 0; byte < 256; ++byte) {
      count += begins[byte] ? 1 : 0;
      network_.classes_[byte] = static_cast<std::uint8_t>(count - 1);
    }
    network_.class_count_ = count;
    for (GrammarNetwork::ByteEdge& edge : bytes_) {
      edge.first = network_.classes_[edge.first];
      edge.last = network_.classes_[edge.last];
    }
    bytes_.shrink_to_fit();
    network_.calls_.shrink_to_fit();
    network_.bytes_ = std::move(bytes_);
  }

  GrammarNetwork& network_;
  const ExprPool& pool_;
  const GrammarLimits& limits_;
  std::vector<bool> inlined_;           // (rules of the pool)
  std::vector<std::uint32_t> numbers_;  // (rules of the pool): here
  std::vector<std::string> names_;      // (rules)
  std::vector<RuleId> sources_;         // (rules): in the pool
  std::vector<std::uint32_t> starts_, ends_;
  std::size_t node_count_ = 0;
  std::vector<RawEdge> edges_;
  std::vector<GrammarNetwork::ByteEdge> bytes_;  // with bytes, not yet classes
  std::vector<bool> empty_, productive_;         // (nodes)
};

GrammarNetwork::GrammarNetwork(const ExprPool& pool, ExprId root) : limits_(pool.limits()) {
  NetworkBuilder(*this, pool, root).finish();
}

std::vector<std::uint32_t> GrammarNetwork::look_alikes(std::size_t bytes) const {
  std::vector<std::uint32_t> alike(size());
  for (std::uint32_t node = 0; node < alike.size(); ++node) alike[node] = node;
  // Parts within parts come first, so what a copy's nodes are like is known by then.
  for (const UnrolledPart& part : unrolled_) {
    const bool bounded = part.most != Expr::kUnbounded;
    // Copy 0 is laid out otherwise: it begins at a node that was there before.
    const std::uint32_t inner = std::max<std::uint32_t>(part.least, 2) - 1;
    for (std::uint32_t copy = 1; copy < part.copies; ++copy) {
      const std::uint64_t done = std::uint64_t{copy} + 1;
      std::uint32_t like = copy;
      if (done + bytes < part.least) {
        like = 1;  // as many turns left as a token can take, none of them the last
      } else if (done >= part.least && bounded && done + bytes < part.most) {
        like = inner;
      }
      if (like >= copy) continue;
      for (std::uint32_t i = 0; i < part.size; ++i) {
        alike[part.first + (copy - 1) * part.size + i] =
            alike[part.first + (like - 1) * part.size + i];
      }
    }
  }
  return alike;
}

}  // namespace jielong
