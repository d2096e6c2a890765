#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace jielong {

/// SentencePiece's precompiled character map: a double-array trie of byte sequences and
/// what they become ("ﬁ" → "fi").
/// Format: u32 size of the trie in bytes; the trie as u32 units (Darts-clone); the
/// replacements, each ended by NUL. Little endian.
class Charsmap {
 public:
  Charsmap() = default;
  /// Throws Error(bad_input) when the parts do not fit together.
  explicit Charsmap(std::span<const std::byte> blob);
  explicit Charsmap(std::string_view blob);

  bool empty() const { return units_.empty(); }

  /// Replaces the longest known sequence at every place.
  std::string apply(std::string_view text) const;
  /// The same, by grapheme clusters: a cluster of fewer than 6 bytes that begins with a
  /// known sequence is replaced whole. So does Hugging Face's tokenizers.
  std::string apply_to_graphemes(std::string_view text) const;

 private:
  struct Match {
    std::size_t length = 0;
    std::string_view replacement;
  };
  /// The longest or the shortest known sequence at the front; length 0 when none.
  Match match(std::string_view text, bool longest) const;

  std::vector<std::uint32_t> units_;
  std::string replacements_;
};

}  // namespace jielong
