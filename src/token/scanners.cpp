#include "token/scanners.h"

#include "base/utf8.h"
#include "token/unicode.h"

namespace jielong {
namespace {

/// A character under the cursor. Malformed bytes are of class other.
struct Char {
  char32_t value = 0;
  std::uint32_t end = 0;  ///< where the next one begins
  CharClass type = CharClass::other;

  bool is(CharClass c) const { return type == c; }
  bool is_line_end() const { return value == '\r' || value == '\n'; }
  /// Not a space, letter or number.
  bool is_sign() const {
    return type != CharClass::space && type != CharClass::letter && type != CharClass::number;
  }
};

class Cursor {
 public:
  Cursor(std::string_view text, std::uint32_t end) : text_(text), end_(end) {}

  bool at_end(std::uint32_t at) const { return at >= end_; }
  Char get(std::uint32_t at) const {
    const auto byte = static_cast<unsigned char>(text_[at]);
    if (byte < 0x80) return {byte, at + 1, unicode::char_class(byte)};
    const CodePoint point = decode_utf8(text_.substr(at, end_ - at));
    if (!point.valid) return {kMalformed, at + 1, CharClass::other};
    return {point.value, at + point.length, unicode::char_class(point.value)};
  }
  /// The end of the longest run at `at` of characters for which `fits` holds.
  template <class Fits>
  std::uint32_t skip(std::uint32_t at, Fits fits) const {
    while (!at_end(at)) {
      const Char c = get(at);
      if (!fits(c)) break;
      at = c.end;
    }
    return at;
  }
  char32_t value(std::uint32_t at) const { return at_end(at) ? kMalformed : get(at).value; }
  std::uint32_t end() const { return end_; }

 private:
  static constexpr char32_t kMalformed = 0x110000;
  std::string_view text_;
  std::uint32_t end_;
};

char32_t folded(char32_t c) {
  if (c >= 'A' && c <= 'Z') return c + 32;
  return c == 0x17F ? U's' : c;  // long s
}

/// The end of an English contraction ('s 't 're 've 'm 'll 'd) at the apostrophe `at`, or `at`.
template <bool kAnyCase>
std::uint32_t contraction(const Cursor& cursor, std::uint32_t at) {
  if (cursor.at_end(at + 1)) return at;
  const Char first = cursor.get(at + 1);
  const auto fold = [](char32_t c) { return kAnyCase ? folded(c) : c; };
  switch (fold(first.value)) {
    case 's':
    case 't':
    case 'm':
    case 'd': return first.end;
    case 'r':
    case 'v': return fold(cursor.value(first.end)) == 'e' ? first.end + 1 : at;
    case 'l': return fold(cursor.value(first.end)) == 'l' ? first.end + 1 : at;
    default: return at;
  }
}

/// `\s+(?!\S)|\s+`: a run of white space, but for its last character when a word follows.
std::uint32_t white_space(const Cursor& cursor, std::uint32_t at) {
  std::uint32_t last = at;  // where the last character of the run begins
  std::uint32_t end = at;
  while (!cursor.at_end(end)) {
    const Char c = cursor.get(end);
    if (!c.is(CharClass::space)) break;
    last = end;
    end = c.end;
  }
  return cursor.at_end(end) || last == at ? end : last;
}

void scan_gpt2(std::string_view text, TextRange range, std::vector<TextRange>& out) {
  const Cursor cursor(text, range.end);
  for (std::uint32_t at = range.begin; at < range.end;) {
    const std::uint32_t begin = at;
    Char c = cursor.get(at);
    if (c.value == '\'') {
      const std::uint32_t end = contraction<false>(cursor, at);
      if (end != at) {
        out.push_back({begin, end});
        at = end;
        continue;
      }
    }
    if (c.value == ' ' && !cursor.at_end(c.end)) {
      const Char next = cursor.get(c.end);
      if (!next.is(CharClass::space)) c = next;
    }
    if (c.is(CharClass::letter)) {
      at = cursor.skip(c.end, [](const Char& x) { return x.is(CharClass::letter); });
    } else if (c.is(CharClass::number)) {
      at = cursor.skip(c.end, [](const Char& x) { return x.is(CharClass::number); });
    } else if (c.is_sign()) {
      at = cursor.skip(c.end, [](const Char& x) { return x.is_sign(); });
    } else {
      at = white_space(cursor, at);
    }
    out.push_back({begin, at});
  }
}

/// The family of cl100k (Llama 3, Qwen 2): at most `kDigits` digits together.
template <int kDigits>
void scan_cl100k(std::string_view text, TextRange range, std::vector<TextRange>& out) {
  const Cursor cursor(text, range.end);
  const auto letters = [&](std::uint32_t at) {
    return cursor.skip(at, [](const Char& x) { return x.is(CharClass::letter); });
  };
  const auto signs = [&](std::uint32_t at) {
    at = cursor.skip(at, [](const Char& x) { return x.is_sign(); });
    return cursor.skip(at, [](const Char& x) { return x.is_line_end(); });
  };
  const auto spaces = [&](std::uint32_t at) {
    std::uint32_t behind_line = at;
    cursor.skip(at, [&](const Char& x) {
      if (x.is_line_end()) behind_line = x.end;
      return x.is(CharClass::space);
    });
    return behind_line != at ? behind_line : white_space(cursor, at);
  };
  const auto next = [&](std::uint32_t at) {
    const Char c = cursor.get(at);
    if (c.value == '\'') {
      const std::uint32_t end = contraction<true>(cursor, at);
      if (end != at) return end;
    }
    if (c.is(CharClass::letter)) return letters(c.end);
    if (c.is(CharClass::number)) {
      std::uint32_t end = c.end;
      for (int i = 1; i < kDigits && !cursor.at_end(end); ++i) {
        const Char digit = cursor.get(end);
        if (!digit.is(CharClass::number)) break;
        end = digit.end;
      }
      return end;
    }
    if (!c.is_line_end() && !cursor.at_end(c.end)) {
      const Char second = cursor.get(c.end);
      if (second.is(CharClass::letter)) return letters(second.end);
      if (c.value == ' ' && second.is_sign()) return signs(second.end);
    }
    return c.is_sign() ? signs(c.end) : spaces(at);
  };
  for (std::uint32_t at = range.begin; at < range.end;) {
    const std::uint32_t end = next(at);
    out.push_back({at, end});
    at = end;
  }
}

}  // namespace

bool patterns::covers_everything(std::string_view pattern) {
  return pattern == kGpt2 || pattern == kLlama3 || pattern == kQwen2 || pattern == kTekken ||
         pattern == kGpt4o;
}

Scanner find_scanner(std::string_view pattern) {
  if (pattern == patterns::kGpt2) return scan_gpt2;
  if (pattern == patterns::kLlama3) return scan_cl100k<3>;
  if (pattern == patterns::kQwen2) return scan_cl100k<1>;
  return nullptr;
}

}  // namespace jielong
