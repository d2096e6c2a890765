#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "generate/constraint/expression.h"
#include "generate/constraint/thompson.h"

namespace jielong {

/// A grammar ready to run: for every rule a nondeterministic automaton over the bytes of UTF-8,
/// in which an edge reads a byte or calls a rule. Immutable.
///
/// What holds after building: there are no empty edges; a call of a rule that may be empty can
/// also be passed over by other edges of its node; every node can reach the end of its rule, so
/// a text that has got anywhere can be completed; no rule calls itself before reading a byte.
class GrammarNetwork {
 public:
  /// Throws Error(bad_input) on left recursion, naming the cycle, and when no text matches;
  /// Error(limit).
  GrammarNetwork(const ExprPool& pool, ExprId root);

  struct ByteEdge {
    std::uint8_t first, last;  ///< classes of bytes
    std::uint32_t target;
  };
  struct Call {
    std::uint32_t rule;
    std::uint32_t target;  ///< where to go on when the rule has ended
  };
  struct Node {
    std::uint32_t bytes = 0, calls = 0;  ///< where its edges begin; they end where the next's do
    bool final = false;                  ///< the rule may end here
    bool tail = false;                   ///< it must: nothing else leads on
  };
  struct Rule {
    std::uint32_t start = 0;
    std::uint32_t rank = 0;  ///< larger than that of every rule that begins with this one
  };

  const GrammarLimits& limits() const { return limits_; }
  /// The rule of the whole text is the first.
  const std::vector<Rule>& rules() const { return rules_; }
  std::size_t size() const { return nodes_.size() - 1; }
  const Node& node(std::uint32_t index) const { return nodes_[index]; }
  std::span<const ByteEdge> bytes(std::uint32_t node) const {
    return std::span(bytes_).subspan(nodes_[node].bytes,
                                     nodes_[node + 1].bytes - nodes_[node].bytes);
  }
  std::span<const Call> calls(std::uint32_t node) const {
    return std::span(calls_).subspan(nodes_[node].calls,
                                     nodes_[node + 1].calls - nodes_[node].calls);
  }
  /// Bytes between which the grammar never distinguishes have the same class.
  std::uint8_t class_of(std::uint8_t byte) const { return classes_[byte]; }
  std::uint32_t classes() const { return class_count_; }

  std::size_t bytes() const {
    return nodes_.size() * sizeof(Node) + bytes_.size() * sizeof(ByteEdge) +
           calls_.size() * sizeof(Call);
  }

  /// For each node one that behaves alike for the next `bytes` bytes: copies of a repeated part
  /// far from the first and last turn are all the same to a short token.
  std::vector<std::uint32_t> look_alikes(std::size_t bytes) const;

 private:
  friend class NetworkBuilder;

  GrammarLimits limits_;
  std::vector<Node> nodes_;  // and a last one that is none
  std::vector<ByteEdge> bytes_;
  std::vector<Call> calls_;
  std::vector<Rule> rules_;
  std::vector<UnrolledPart> unrolled_;
  std::array<std::uint8_t, 256> classes_{};
  std::uint32_t class_count_ = 1;
};

}  // namespace jielong
