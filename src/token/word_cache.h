#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "token/string_table.h"
#include "token/token.h"

namespace jielong {

/// Remembers the tokens of short words: one place for each hash, the newest word stays.
class WordCache {
 public:
  static constexpr std::size_t kMaxBytes = 30;
  static constexpr std::size_t kMaxTokens = 8;

  static bool fits(std::string_view word) { return word.size() <= kMaxBytes; }

  /// The tokens of `word`, empty when it is not remembered; valid until the next put().
  std::span<const Token> get(std::string_view word, std::uint64_t hash) const {
    if (!entries_) return {};
    const Entry& entry = (*entries_)[hash % kEntries];
    if (entry.size != word.size() || std::memcmp(entry.bytes, word.data(), word.size()) != 0) {
      return {};
    }
    return {entry.tokens, entry.count};
  }

  /// Does nothing when the word or its tokens are too many to keep.
  void put(std::string_view word, std::uint64_t hash, std::span<const Token> tokens) {
    if (!fits(word) || tokens.empty() || tokens.size() > kMaxTokens) return;
    if (!entries_) entries_ = std::make_unique<std::array<Entry, kEntries>>();
    Entry& entry = (*entries_)[hash % kEntries];
    entry.size = static_cast<std::uint8_t>(word.size());
    entry.count = static_cast<std::uint8_t>(tokens.size());
    std::memcpy(entry.bytes, word.data(), word.size());
    std::memcpy(entry.tokens, tokens.data(), tokens.size_bytes());
  }

 private:
  static constexpr std::size_t kEntries = 1 << 13;
  struct alignas(64) Entry {
    std::uint8_t size = 0;
    std::uint8_t count = 0;
    char bytes[kMaxBytes] = {};
    Token tokens[kMaxTokens] = {};
  };
  static_assert(sizeof(Entry) == 64, "one cache line each");

  std::unique_ptr<std::array<Entry, kEntries>> entries_;
};

}  // namespace jielong
