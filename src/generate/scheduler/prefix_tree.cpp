#include "generate/scheduler/prefix_tree.h"

#include <iterator>

#include "token/common_length.h"

namespace jielong {

PrefixTree::Match PrefixTree::walk(std::span<const Token> tokens) const {
  const auto block = static_cast<std::size_t>(runner_.block_tokens());
  Match match;
  for (const Node* at = &root_;;) {
    // The child with the longest common beginning is a neighbour in lexicographic order.
    const Children& children = at->children;
    const auto after = children.lower_bound(tokens);
    const Node* best = nullptr;
    std::size_t same = 0;
    const auto consider = [&](Children::const_iterator it) {
      const std::size_t length = common_length(it->first, tokens);
      if (length > same) {
        best = it->second.get();
        same = length;
      }
    };
    if (after != children.end()) consider(after);
    if (after != children.begin()) consider(std::prev(after));
    if (best == nullptr || same < static_cast<std::size_t>(kFewest)) return match;
    match.node = best;
    match.length += static_cast<std::int64_t>(same);
    if (same < block) return match;
    tokens = tokens.subspan(same);
    at = best;
  }
}

CachedPrefix PrefixTree::find(std::span<const Token> tokens) {
  const Match match = walk(tokens);
  CachedPrefix prefix;
  if (match.node == nullptr) return prefix;
  touch(const_cast<Node&>(*match.node));
  const auto found = tokens.first(static_cast<std::size_t>(match.length));
  prefix.tokens.assign(found.begin(), found.end());
  prefix.sequence = runner_.fork(match.node->sequence, match.length);
  return prefix;
}

PrefixTree::Node* PrefixTree::child_of(Node& parent, std::span<const Token> tokens) const {
  const auto found = parent.children.find(tokens);
  return found == parent.children.end() ? nullptr : found->second.get();
}

void PrefixTree::insert(std::span<const Token> tokens, SequenceId sequence) {
  if (max_tokens_ == 0) return;
  const auto block = static_cast<std::size_t>(runner_.block_tokens());
  Node* at = &root_;
  std::int64_t end = 0;
  while (tokens.size() >= block) {
    const auto part = tokens.first(block);
    tokens = tokens.subspan(block);
    end += static_cast<std::int64_t>(block);
    Node* child = child_of(*at, part);
    at = child != nullptr ? child : &add(*at, part, runner_.fork(sequence, end), next_uses(1));
  }
  if (tokens.size() >= static_cast<std::size_t>(kFewest)) {
    // Not when a block that is here begins with it.
    const auto after = at->children.lower_bound(tokens);
    if (after != at->children.end() && common_length(after->first, tokens) == tokens.size()) {
      at = after->second.get();
    } else {
      at = &add(*at, tokens, runner_.fork(sequence, end + static_cast<std::int64_t>(tokens.size())),
                next_uses(1));
    }
  }
  if (at != &root_) touch(*at);
  shrink();
}

PrefixTree::Node& PrefixTree::add(Node& parent, std::span<const Token> tokens, SequenceId sequence,
                                  std::uint64_t used) {
  if (&parent != &root_ && parent.children.empty()) leaves_.erase({parent.used, &parent});
  // A partly filled block that the new one continues holds nothing of its own any more.
  const auto after = parent.children.lower_bound(tokens);
  if (after != parent.children.begin()) {
    const auto before = std::prev(after);
    if (common_length(before->first, tokens) == before->first.size()) {
      Node& shorter = *before->second;
      leaves_.erase({shorter.used, &shorter});
      tokens_ -= static_cast<std::int64_t>(shorter.tokens.size());
      runner_.close(shorter.sequence);
      parent.children.erase(before);
    }
  }
  auto node = std::make_unique<Node>();
  node->parent = &parent;
  node->tokens.assign(tokens.begin(), tokens.end());
  node->sequence = sequence;
  node->end = parent.end + static_cast<std::int64_t>(tokens.size());
  node->used = used;
  Node& added = *node;
  parent.children.emplace(std::span<const Token>(added.tokens), std::move(node));
  leaves_.insert({added.used, &added});
  tokens_ += static_cast<std::int64_t>(added.tokens.size());
  return added;
}

/// Marks a node and those above it as used now: parents never look older than children.
void PrefixTree::touch(Node& node) {
  for (Node* at = &node; at != &root_; at = at->parent) {
    const bool leaf = at->children.empty();
    if (leaf) leaves_.erase({at->used, at});
    at->used = ++clock_;
    if (leaf) leaves_.insert({at->used, at});
  }
}

void PrefixTree::drop(Node& leaf) {
  Node& parent = *leaf.parent;
  leaves_.erase({leaf.used, &leaf});
  tokens_ -= static_cast<std::int64_t>(leaf.tokens.size());
  runner_.close(leaf.sequence);
  parent.children.erase(parent.children.find(leaf.tokens));
  if (&parent != &root_ && parent.children.empty()) leaves_.insert({parent.used, &parent});
}

bool PrefixTree::evict_one() {
  for (const auto& [used, leaf] : leaves_) {
    if (runner_.own_blocks(leaf->sequence) == 0) continue;
    drop(*leaf);
    return true;
  }
  return false;
}

void PrefixTree::shrink() {
  while (tokens_ > max_tokens_ && !leaves_.empty()) drop(*leaves_.begin()->second);
}

void PrefixTree::clear() {
  while (!leaves_.empty()) drop(*leaves_.begin()->second);
}

std::vector<const PrefixTree::Node*> PrefixTree::recent_nodes(std::size_t max_nodes) const {
  std::vector<const Node*> nodes, waiting;
  for (const auto& [tokens, child] : root_.children) waiting.push_back(child.get());
  while (!waiting.empty() && nodes.size() < max_nodes) {
    const auto latest =
        std::max_element(waiting.begin(), waiting.end(),
                         [](const Node* a, const Node* b) { return a->used < b->used; });
    const Node* node = *latest;
    waiting.erase(latest);
    nodes.push_back(node);
    for (const auto& [tokens, child] : node->children) waiting.push_back(child.get());
  }
  return nodes;
}

const PrefixTree::Node* PrefixTree::restore(const Node* parent, std::span<const Token> tokens,
                                            std::span<const std::byte> content,
                                            std::uint64_t used) {
  Node& above = parent != nullptr ? const_cast<Node&>(*parent) : root_;
  const auto count = static_cast<std::int64_t>(tokens.size());
  if (tokens_ + count > max_tokens_) return nullptr;
  const auto after = above.children.lower_bound(tokens);
  if (after != above.children.end() && common_length(after->first, tokens) == tokens.size()) {
    return nullptr;
  }
  const SequenceId sequence =
      parent != nullptr ? runner_.fork(parent->sequence, parent->end) : runner_.open();
  try {
    runner_.append_block(sequence, count, content);
  } catch (...) {
    runner_.close(sequence);
    throw;
  }
  return &add(above, tokens, sequence, used);
}

}  // namespace jielong
