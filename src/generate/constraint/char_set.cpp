#include "generate/constraint/char_set.h"

#include <algorithm>
#include <string>

#include "base/utf8.h"

namespace jielong {
namespace {

constexpr char32_t kLast = 0x10FFFF, kSurrogates = 0xD800, kAfterSurrogates = 0xE000;

/// Splits [first, last] until all numbers of a part differ only in trailing groups of 6 bits
/// that take every value: then its bytes vary independently of each other.
void split(char32_t first, char32_t last, std::vector<ByteRanges>& out) {
  std::vector<CharSet::Range> work = {{first, last}};
  while (!work.empty()) {
    const CharSet::Range part = work.back();
    work.pop_back();
    const auto cut = [&](char32_t at) {  // [.., at] and [at + 1, ..]
      work.push_back({at + 1, part.last});
      work.push_back({part.first, at});
    };
    bool whole = true;
    for (const char32_t border : {0x7FU, 0x7FFU, 0xFFFFU}) {
      if (part.first <= border && part.last > border) {
        cut(border);
        whole = false;
        break;
      }
    }
    if (!whole) continue;
    for (int group = 1; group <= 3 && part.last > 0x7F && whole; ++group) {
      const char32_t low = (char32_t{1} << (6 * group)) - 1;
      if ((part.first & ~low) == (part.last & ~low)) continue;
      if ((part.first & low) != 0) {
        cut(part.first | low);
        whole = false;
      } else if ((part.last & low) != low) {
        cut((part.last & ~low) - 1);
        whole = false;
      }
    }
    if (!whole) continue;
    std::string a, b;
    append_utf8(a, part.first);
    append_utf8(b, part.last);
    ByteRanges ranges;
    ranges.length = static_cast<std::uint8_t>(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      ranges.bytes[i] = {static_cast<std::uint8_t>(a[i]), static_cast<std::uint8_t>(b[i])};
    }
    out.push_back(ranges);
  }
}

}  // namespace

CharSet::CharSet(std::initializer_list<Range> ranges) {
  for (const Range& range : ranges) add(range.first, range.last);
}

CharSet CharSet::of(std::string_view text) {
  CharSet set;
  for (const char c : text) set.add(static_cast<unsigned char>(c));
  return set;
}

const CharSet& CharSet::all() {
  static const CharSet everything = {{0, kLast}};
  return everything;
}

void CharSet::add(char32_t first, char32_t last) {
  last = std::min(last, kLast);
  if (first < kAfterSurrogates && last >= kSurrogates) {
    if (first < kSurrogates) add(first, kSurrogates - 1);
    if (last >= kAfterSurrogates) add(kAfterSurrogates, last);
    return;
  }
  if (first > last) return;
  // The ranges that overlap or touch the new one melt into it.
  const auto begin = std::lower_bound(ranges_.begin(), ranges_.end(), first,
                                      [](const Range& r, char32_t c) { return r.last + 1 < c; });
  auto end = begin;
  while (end != ranges_.end() && end->first <= last + 1) {
    first = std::min(first, end->first);
    last = std::max(last, end->last);
    ++end;
  }
  const auto at = ranges_.erase(begin, end);
  ranges_.insert(at, {first, last});
}

bool CharSet::contains(char32_t c) const {
  const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), c,
                                      [](char32_t x, const Range& r) { return x < r.first; });
  return after != ranges_.begin() && std::prev(after)->last >= c;
}

CharSet CharSet::complement() const {
  CharSet out;
  char32_t next = 0;
  for (const Range& range : ranges_) {
    if (range.first > next) out.add(next, range.first - 1);
    next = range.last + 1;
  }
  if (next <= kLast) out.add(next, kLast);
  return out;
}

CharSet CharSet::operator|(const CharSet& other) const {
  CharSet out = *this;
  for (const Range& range : other.ranges_) out.add(range.first, range.last);
  return out;
}

CharSet CharSet::operator&(const CharSet& other) const {
  CharSet out;
  auto a = ranges_.begin();
  auto b = other.ranges_.begin();
  while (a != ranges_.end() && b != other.ranges_.end()) {
    const char32_t first = std::max(a->first, b->first), last = std::min(a->last, b->last);
    if (first <= last) out.ranges_.push_back({first, last});
    if (a->last < b->last) {
      ++a;
    } else {
      ++b;
    }
  }
  return out;
}

std::vector<ByteRanges> utf8_ranges(const CharSet& set) {
  std::vector<ByteRanges> out;
  for (const CharSet::Range& range : set.ranges()) split(range.first, range.last, out);
  return out;
}

}  // namespace jielong
