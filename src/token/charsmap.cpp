#include "token/charsmap.h"

#include <cstring>

#include "base/error.h"
#include "base/utf8.h"
#include "token/unicode.h"

namespace jielong {
namespace {

// Fields of a Darts-clone unit.
bool has_leaf(std::uint32_t unit) { return (unit >> 8) & 1; }
std::uint32_t value_of(std::uint32_t unit) { return unit & 0x7FFFFFFF; }
std::uint32_t label_of(std::uint32_t unit) { return unit & 0x800000FF; }
std::uint32_t offset_of(std::uint32_t unit) { return (unit >> 10) << ((unit & 0x200) >> 6); }

}  // namespace

Charsmap::Charsmap(std::span<const std::byte> blob)
    : Charsmap(std::string_view(reinterpret_cast<const char*>(blob.data()), blob.size())) {}

Charsmap::Charsmap(std::string_view blob) {
  std::uint32_t trie_bytes = 0;
  if (blob.size() < 4) throw bad_input("the precompiled charsmap is cut off");
  std::memcpy(&trie_bytes, blob.data(), 4);
  blob.remove_prefix(4);
  if (trie_bytes > blob.size() || trie_bytes % 4 != 0 || trie_bytes == 0) {
    throw bad_input("the precompiled charsmap's trie does not fit into it");
  }
  units_.resize(trie_bytes / 4);
  std::memcpy(units_.data(), blob.data(), trie_bytes);
  replacements_ = blob.substr(trie_bytes);
  if (replacements_.empty() || replacements_.back() != '\0') {
    throw bad_input("the precompiled charsmap's last replacement is cut off");
  }
}

Charsmap::Match Charsmap::match(std::string_view text, bool longest) const {
  Match best;
  std::uint32_t at = offset_of(units_[0]);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    at ^= byte;
    // Byte 0 marks leaves and never continues a sequence.
    if (byte == 0 || at >= units_.size() || label_of(units_[at]) != byte) break;
    const std::uint32_t unit = units_[at];
    at ^= offset_of(unit);
    if (!has_leaf(unit)) continue;
    if (at >= units_.size()) break;
    const std::uint32_t value = value_of(units_[at]);
    if (value >= replacements_.size()) break;
    best = {i + 1, std::string_view(replacements_.data() + value)};
    if (!longest) break;
  }
  return best;
}

std::string Charsmap::apply(std::string_view text) const {
  if (empty()) return std::string(text);
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Match found = match(text, true);
    if (found.length > 0) {
      out += found.replacement;
      text.remove_prefix(found.length);
    } else {
      const std::size_t length = decode_utf8(text).length;
      out += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return out;
}

std::string Charsmap::apply_to_graphemes(std::string_view text) const {
  if (empty()) return std::string(text);
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    std::string_view cluster = text.substr(0, unicode::grapheme_length(text));
    text.remove_prefix(cluster.size());
    if (cluster.size() < 6) {
      const Match found = match(cluster, false);
      if (found.length > 0) {
        out += found.replacement;
        continue;
      }
    }
    while (!cluster.empty()) {
      const std::string_view one = cluster.substr(0, decode_utf8(cluster).length);
      const Match found = match(one, false);
      out += found.length > 0 ? found.replacement : one;
      cluster.remove_prefix(one.size());
    }
  }
  return out;
}

}  // namespace jielong
