#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "generate/chain.h"
#include "model/runner.h"

namespace jielong {

/// Beginnings of chains whose keys and values are kept for requests that begin alike: a
/// radix tree over blocks of tokens (Zheng et al., 2024). Each node is a sequence of the
/// runner of its own, which shares pages with its parent, its children and whoever uses
/// them. Only the last block of a chain may be partly filled, and then has no children.
class PrefixTree {
 public:
  /// Partly filled blocks and parts of a block that match count from so many tokens on:
  /// continuing one copies the block, which costs about as much as evaluating a few tokens.
  static constexpr std::int64_t kFewest = 8;

  /// @param max_tokens of all nodes; 0: nothing is kept
  PrefixTree(Runner& runner, std::int64_t max_tokens) : runner_(runner), max_tokens_(max_tokens) {}
  PrefixTree(const PrefixTree&) = delete;
  PrefixTree& operator=(const PrefixTree&) = delete;
  ~PrefixTree() { clear(); }

  /// How many of the first tokens of `tokens` are here.
  std::int64_t match(std::span<const Token> tokens) const { return walk(tokens).length; }
  /// A new sequence that holds those tokens; empty when there are none.
  CachedPrefix find(std::span<const Token> tokens);

  /// Keeps `tokens`, which `sequence` begins with; the sequence stays the caller's. What was
  /// unused for longest makes room.
  void insert(std::span<const Token> tokens, SequenceId sequence);

  /// Drops the node unused for longest among those whose closing gives memory back. Returns
  /// false when there is none.
  bool evict_one();
  void clear();

  std::int64_t tokens() const { return tokens_; }
  std::int64_t max_tokens() const { return max_tokens_; }
  Runner& runner() const { return runner_; }

  struct Node;
  /// Every node after its parent, the most recently used branches first, as far as they
  /// hold at most `max_nodes`.
  std::vector<const Node*> recent_nodes(std::size_t max_nodes) const;
  /// Adds a node under `parent` (null: at the beginning) whose block is `content`, read by
  /// Runner::block(). Returns null where there is one already or the limit is reached. Throws
  /// Error(limit) when the cache is full.
  /// @param used from next_uses(); a parent's must be the larger one
  const Node* restore(const Node* parent, std::span<const Token> tokens,
                      std::span<const std::byte> content, std::uint64_t used);
  /// The last of `count` new values for Node::used.
  std::uint64_t next_uses(std::uint64_t count) { return clock_ += count; }

 private:
  struct ByContent {
    bool operator()(std::span<const Token> a, std::span<const Token> b) const {
      return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
    }
  };
  /// The keys are the children's own tokens.
  using Children = std::map<std::span<const Token>, std::unique_ptr<Node>, ByContent>;

 public:
  struct Node {
    Node* parent = nullptr;
    std::vector<Token> tokens;
    SequenceId sequence = 0;  ///< holds the tokens of all nodes down to this one
    std::int64_t end = 0;     ///< how many those are
    std::uint64_t used = 0;   ///< larger: later
    Children children;
  };

 private:
  struct Match {
    const Node* node = nullptr;  ///< whose sequence begins with the tokens that match
    std::int64_t length = 0;
  };
  Match walk(std::span<const Token> tokens) const;
  Node* child_of(Node& parent, std::span<const Token> tokens) const;
  Node& add(Node& parent, std::span<const Token> tokens, SequenceId sequence, std::uint64_t used);
  void drop(Node& leaf);
  void touch(Node& node);
  void shrink();

  Runner& runner_;
  std::int64_t max_tokens_;
  std::int64_t tokens_ = 0;
  std::uint64_t clock_ = 0;
  Node root_;
  std::set<std::pair<std::uint64_t, Node*>> leaves_;  ///< by `used`
};

}  // namespace jielong
