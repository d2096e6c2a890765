#include "token/piece_trie.h"

#include <algorithm>

#include "base/error.h"

namespace jielong {
namespace {

struct Span {
  std::uint32_t node;
  std::size_t begin, end;  // entries below the node
  std::size_t depth;
};

/// The first eight bytes as a number that orders like the string.
std::uint64_t key_of(std::string_view text) {
  std::uint64_t key = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    key = key << 8 | (i < text.size() ? static_cast<unsigned char>(text[i]) : 0U);
  }
  return key;
}

}  // namespace

PieceTrie::PieceTrie(std::vector<std::pair<std::string_view, Token>> entries) {
  struct Entry {
    std::uint64_t key;
    std::string_view text;
    Token token;
  };
  std::vector<Entry> sorted;
  sorted.reserve(entries.size());
  std::size_t bytes = 0;
  for (const auto& [text, token] : entries) {
    if (text.empty()) continue;
    sorted.push_back({key_of(text), text, token});
    bytes += text.size();
  }
  if (bytes >= 0xFFFFFFFFU) throw Error(ErrorKind::limit, "the vocabulary's pieces are too large");
  std::sort(sorted.begin(), sorted.end(), [](const Entry& a, const Entry& b) {
    if (a.key != b.key) return a.key < b.key;
    if (const int order = a.text.compare(b.text); order != 0) return order < 0;
    return a.token < b.token;
  });

  nodes_.reserve(bytes / 2 + 1);
  nodes_.emplace_back();
  std::vector<Span> open{{0, 0, sorted.size(), 0}};
  while (!open.empty()) {
    Span span = open.back();
    open.pop_back();
    while (span.begin < span.end && sorted[span.begin].text.size() == span.depth) {
      nodes_[span.node].token = sorted[span.begin++].token;
    }
    const auto first = static_cast<std::uint32_t>(nodes_.size());
    for (std::size_t i = span.begin; i < span.end;) {
      const char byte = sorted[i].text[span.depth];
      std::size_t end = i + 1;
      while (end < span.end && sorted[end].text[span.depth] == byte) ++end;
      open.push_back({static_cast<std::uint32_t>(nodes_.size()), i, end, span.depth + 1});
      nodes_.emplace_back();
      nodes_.back().byte = static_cast<std::uint8_t>(byte);
      i = end;
    }
    nodes_[span.node].first_child = first;
    nodes_[span.node].children = static_cast<std::uint16_t>(nodes_.size() - first);
  }
  roots_.assign(256, 0);
  for (unsigned byte = 0; byte < 256; ++byte) {
    roots_[byte] = child(nodes_[0], static_cast<unsigned char>(byte));
  }
}

}  // namespace jielong
