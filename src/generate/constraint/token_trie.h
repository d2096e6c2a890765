#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "token/token.h"
#include "token/tokenizer.h"

namespace jielong {

/// The bytes of every token of a vocabulary as a trie, what masks are computed over. Building
/// one takes tens of milliseconds: keep it as long as the tokenizer. Immutable.
///
/// Text tokens (also raw bytes and user-defined pieces) are in the trie; control, unknown and
/// unused tokens and those without bytes are not, so that no grammar ever allows them.
class TokenTrie {
 public:
  static std::shared_ptr<const TokenTrie> of(const Tokenizer& tokenizer);
  /// Of a vocabulary given as the bytes of its text tokens; an empty piece is a control token.
  static std::shared_ptr<const TokenTrie> of_pieces(const std::vector<std::string>& pieces,
                                                    std::vector<Token> end_tokens);

  Token vocabulary() const { return static_cast<Token>(is_text_.size()); }
  std::size_t mask_words() const { return (is_text_.size() + 63) / 64; }
  std::span<const Token> end_tokens() const { return end_tokens_; }
  bool is_end(Token token) const;
  /// What a token adds to a text; of control tokens their name. Empty when out of range.
  std::string_view bytes(Token token) const;
  bool is_text(Token token) const;
  /// The most bytes that a text token has.
  std::size_t longest() const { return longest_; }

  /// A node's subtree is [node, end), in preorder.
  struct Node {
    std::uint32_t end;
    std::uint32_t tokens;  ///< where its tokens begin in tokens_at(); they end where the next's do
    std::uint8_t byte;     ///< on the way from its parent
  };
  std::uint32_t size() const { return static_cast<std::uint32_t>(nodes_.size()) - 1; }
  const Node& node(std::uint32_t index) const { return nodes_[index]; }
  /// The tokens whose bytes lead from the root (node 0) to this node.
  std::span<const Token> tokens_at(std::uint32_t node) const {
    return std::span(node_tokens_)
        .subspan(nodes_[node].tokens, nodes_[node + 1].tokens - nodes_[node].tokens);
  }

 private:
  void add(std::string_view bytes, bool text);
  void build();

  std::size_t longest_ = 0;
  std::vector<Token> end_tokens_;       // ascending
  std::string text_;                    // bytes of all tokens, one after another
  std::vector<std::uint32_t> offsets_;  // (vocabulary + 1)
  std::vector<bool> is_text_;           // (vocabulary)
  std::vector<Node> nodes_;             // and a last one that is none
  std::vector<Token> node_tokens_;
};

}  // namespace jielong
