#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace jielong {

/// A set of Unicode scalar values, as sorted ranges that neither overlap nor touch.
class CharSet {
 public:
  struct Range {
    char32_t first, last;
    bool operator==(const Range&) const = default;
  };

  CharSet() = default;
  CharSet(std::initializer_list<Range> ranges);
  /// The ASCII characters of `text`.
  static CharSet of(std::string_view text);
  static const CharSet& all();

  /// Adds [first, last] without the surrogates in it.
  void add(char32_t first, char32_t last);
  void add(char32_t c) { add(c, c); }

  const std::vector<Range>& ranges() const { return ranges_; }
  bool empty() const { return ranges_.empty(); }
  bool contains(char32_t c) const;

  CharSet complement() const;
  CharSet operator|(const CharSet& other) const;
  CharSet operator&(const CharSet& other) const;
  CharSet operator-(const CharSet& other) const { return *this & other.complement(); }
  bool operator==(const CharSet&) const = default;

 private:
  std::vector<Range> ranges_;
};

/// A run of 1 to 4 bytes, each within a range: some of the characters of a set in UTF-8.
struct ByteRanges {
  struct Range {
    std::uint8_t first, last;
  };
  std::uint8_t length = 0;
  Range bytes[4] = {};
};

/// The set's characters in UTF-8 as runs of byte ranges; together exactly the set.
std::vector<ByteRanges> utf8_ranges(const CharSet& set);

}  // namespace jielong
