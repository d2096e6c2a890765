#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "token/token.h"

namespace jielong {

/// A byte trie over many strings, built at once: children of a node lie side by side,
/// ascending by their byte.
class PieceTrie {
 public:
  PieceTrie() = default;
  /// Of equal strings the last one counts; empty ones are left out. The views need to
  /// stay valid only during the call.
  explicit PieceTrie(std::vector<std::pair<std::string_view, Token>> entries);

  bool empty() const { return nodes_.size() <= 1; }

  /// Calls visit(length, token) for every string that `text` begins with, shortest first.
  template <class Visit>
  void prefixes(std::string_view text, Visit visit) const {
    if (empty() || text.empty()) return;
    std::uint32_t at = roots_[static_cast<unsigned char>(text[0])];
    for (std::size_t i = 1; at != 0; ++i) {
      const Node& node = nodes_[at];
      if (node.token >= 0) visit(i, node.token);
      if (i == text.size()) return;
      at = child(node, static_cast<unsigned char>(text[i]));
    }
  }

 private:
  struct Node {
    std::uint32_t first_child = 0;
    std::uint16_t children = 0;
    std::uint8_t byte = 0;
    Token token = -1;
  };

  /// 0 when there is none.
  std::uint32_t child(const Node& node, unsigned char byte) const {
    std::uint32_t first = node.first_child;
    std::uint32_t count = node.children;
    while (count > 8) {
      const std::uint32_t half = count / 2;
      if (nodes_[first + half].byte <= byte) {
        first += half;
        count -= half;
      } else {
        count = half;
      }
    }
    for (std::uint32_t i = first; i < first + count; ++i) {
      if (nodes_[i].byte == byte) return i;
    }
    return 0;
  }

  std::vector<Node> nodes_;
  std::vector<std::uint32_t> roots_;  ///< (256) children of the root, 0 for none
};

}  // namespace jielong
