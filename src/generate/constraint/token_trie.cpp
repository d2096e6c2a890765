#include "generate/constraint/token_trie.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace jielong {

std::shared_ptr<const TokenTrie> TokenTrie::of(const Tokenizer& tokenizer) {
  const Vocabulary& vocabulary = tokenizer.vocabulary();
  auto trie = std::make_shared<TokenTrie>();
  for (Token token = 0; token < vocabulary.size(); ++token) {
    const TokenClass kind = vocabulary.token_class(token);
    const bool text =
        kind == TokenClass::normal || kind == TokenClass::user_defined || kind == TokenClass::byte;
    trie->add(kind == TokenClass::unused ? std::string() : tokenizer.bytes(token),
              text && !vocabulary.is_end(token));
  }
  trie->end_tokens_.assign(vocabulary.end_tokens().begin(), vocabulary.end_tokens().end());
  trie->build();
  return trie;
}

std::shared_ptr<const TokenTrie> TokenTrie::of_pieces(const std::vector<std::string>& pieces,
                                                      std::vector<Token> end_tokens) {
  auto trie = std::make_shared<TokenTrie>();
  for (const std::string& piece : pieces) trie->add(piece, true);
  std::sort(end_tokens.begin(), end_tokens.end());
  trie->end_tokens_ = std::move(end_tokens);
  trie->build();
  return trie;
}

void TokenTrie::add(std::string_view bytes, bool text) {
  if (offsets_.empty()) offsets_.push_back(0);
  text_ += bytes;
  offsets_.push_back(static_cast<std::uint32_t>(text_.size()));
  is_text_.push_back(text && !bytes.empty());
}

void TokenTrie::build() {
  if (offsets_.empty()) offsets_.push_back(0);
  for (Token token = 0; token < vocabulary(); ++token) {
    if (!is_text(token)) continue;
    node_tokens_.push_back(token);
    longest_ = std::max(longest_, bytes(token).size());
  }
  // In the order of their bytes, tokens meet the trie's nodes in preorder.
  std::stable_sort(node_tokens_.begin(), node_tokens_.end(),
                   [&](Token a, Token b) { return bytes(a) < bytes(b); });
  nodes_.push_back({0, 0, 0});
  std::vector<std::uint32_t> path = {0};  // the nodes on the way to the last token
  std::string_view last;
  for (std::uint32_t i = 0; i < node_tokens_.size(); ++i) {
    const std::string_view text = bytes(node_tokens_[i]);
    const auto common = static_cast<std::size_t>(
        std::mismatch(last.begin(), last.end(), text.begin(), text.end()).first - last.begin());
    while (path.size() > common + 1) {
      nodes_[path.back()].end = static_cast<std::uint32_t>(nodes_.size());
      path.pop_back();
    }
    for (std::size_t at = common; at < text.size(); ++at) {
      path.push_back(static_cast<std::uint32_t>(nodes_.size()));
      nodes_.push_back({0, i, static_cast<std::uint8_t>(text[at])});
    }
    last = text;
  }
  const auto size = static_cast<std::uint32_t>(nodes_.size());
  for (const std::uint32_t node : path) nodes_[node].end = size;
  nodes_.push_back({size, static_cast<std::uint32_t>(node_tokens_.size()), 0});
}

bool TokenTrie::is_end(Token token) const {
  return std::binary_search(end_tokens_.begin(), end_tokens_.end(), token);
}

std::string_view TokenTrie::bytes(Token token) const {
  if (token < 0 || token >= vocabulary()) return {};
  const auto index = static_cast<std::size_t>(token);
  return std::string_view(text_).substr(offsets_[index], offsets_[index + 1] - offsets_[index]);
}

bool TokenTrie::is_text(Token token) const {
  return token >= 0 && token < vocabulary() && is_text_[static_cast<std::size_t>(token)];
}

}  // namespace jielong
