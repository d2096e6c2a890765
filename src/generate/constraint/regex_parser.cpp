#include "generate/constraint/regex_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"

namespace jielong {
namespace {

const CharSet& digits() {
  static const CharSet set = {{'0', '9'}};
  return set;
}
const CharSet& word_chars() {
  static const CharSet set = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
  return set;
}
/// White space and line terminators of ECMA-262.
const CharSet& spaces() {
  static const CharSet set = {
      {0x09, 0x0D},     {0x20, 0x20},     {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
      {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
  return set;
}
const CharSet& line_ends() {
  static const CharSet set = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};
  return set;
}

class RegexParser {
 public:
  RegexParser(ExprPool& pool, std::string_view text, const CharWriter& writer)
      : pool_(pool), text_(text), writer_(writer) {}

  ExprId parse(RegexMatch match) {
    const bool search = match == RegexMatch::search;
    const ExprId anything = search ? pool_.repeat(writer_(CharSet::all()), 0) : pool_.empty();
    std::vector<ExprId> choices;
    do {
      const bool begins = take("^");
      std::vector<ExprId> parts;
      if (search && !begins) parts.push_back(anything);
      parts.push_back(parse_sequence());
      const bool ends = take("$");
      if (search && !ends) parts.push_back(anything);
      choices.push_back(pool_.sequence(parts));
    } while (take("|"));
    if (!ended()) {
      if (peek() == ')') fail("an unmatched )");
      refuse("an anchor ^ or $ inside the expression");
    }
    return pool_.choice(choices);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw bad_input(what, fmt::format("regular expression, byte {}", at_));
  }
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(ErrorKind::unsupported, what + " is not supported",
                fmt::format("regular expression, byte {}", at_));
  }

  bool ended() const { return at_ >= text_.size(); }
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool take(std::string_view token) {
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }
  char32_t next_char() {
    const CodePoint point = decode_utf8(text_.substr(at_));
    if (!point.valid) fail("is not UTF-8");
    at_ += point.length;
    return point.value;
  }

  ExprId parse_alternatives() {
    if (++depth_ > pool_.limits().depth) {
      throw_grammar_limit("nested groups", pool_.limits().depth, "regular expression");
    }
    std::vector<ExprId> choices;
    do choices.push_back(parse_sequence());
    while (take("|"));
    --depth_;
    return pool_.choice(choices);
  }

  ExprId parse_sequence() {
    std::vector<ExprId> parts;
    while (!ended() && peek() != '|' && peek() != ')' && peek() != '^') {
      // At the top a $ before | or the end belongs to the caller.
      if (peek() == '$') break;
      parts.push_back(parse_quantified(parse_atom()));
    }
    return pool_.sequence(parts);
  }

  ExprId parse_atom() {
    const char c = peek();
    switch (c) {
      case '(': return parse_group();
      case '[': return writer_(parse_class());
      case '.': ++at_; return writer_(line_ends().complement());
      case '\\': ++at_; return writer_(parse_escape(false));
      case '*':
      case '+':
      case '?': fail("nothing stands before the quantifier");
      case '{':
        if (digits().contains(static_cast<unsigned char>(peek(1)))) {
          fail("nothing stands before the quantifier");
        }
        break;
      default: break;
    }
    CharSet one;
    one.add(next_char());
    return writer_(one);
  }

  ExprId parse_group() {
    take("(");
    if (take("?")) {
      if (peek() == '=' || peek() == '!') refuse("look-ahead (?= or (?!");
      if (peek() == '<' && (peek(1) == '=' || peek(1) == '!')) refuse("look-behind (?<= or (?<!");
      if (peek() == '>') refuse("an atomic group (?>");
      if (take("P<") || take("<")) {
        while (!ended() && peek() != '>') ++at_;
        if (!take(">")) fail("expected > behind the name of a group");
      } else if (peek() == 'P') {
        refuse("a back-reference (?P=");
      } else if (!take(":")) {
        refuse("a flag or condition (?");
      }
    }
    const ExprId group = parse_alternatives();
    if (peek() == '^' || peek() == '$') refuse("an anchor ^ or $ inside a group");
    if (!take(")")) fail("expected )");
    return group;
  }

  std::optional<std::size_t> parse_number() {
    if (peek() < '0' || peek() > '9') return std::nullopt;
    std::size_t value = 0;
    while (peek() >= '0' && peek() <= '9') {
      value = std::min<std::size_t>(value * 10 + static_cast<std::size_t>(peek() - '0'), 1U << 30);
      ++at_;
    }
    return value;
  }

  /// {m}, {m,} or {m,n}; anything else in braces is plain text, as everywhere.
  bool take_bounds(std::size_t& least, std::size_t& most) {
    const std::size_t begin = at_;
    if (!take("{")) return false;
    if (const auto number = parse_number()) {
      least = most = *number;
      if (take(",")) most = parse_number().value_or(Expr::kUnbounded);
      if (take("}")) return true;
    }
    at_ = begin;
    return false;
  }

  ExprId parse_quantified(ExprId part) {
    while (true) {
      std::size_t least = 0, most = Expr::kUnbounded;
      if (take("?")) {
        most = 1;
      } else if (take("+")) {
        least = 1;
      } else if (!take("*") && !take_bounds(least, most)) {
        return part;
      }
      if (peek() == '+') refuse("a possessive quantifier");
      take("?");  // lazy: which match is preferred does not matter to what matches
      if (peek() == '*' || peek() == '+' || peek() == '?') fail("two quantifiers in a row");
      part = pool_.repeat(part, least, most);
    }
  }

  char32_t parse_hex(std::size_t digit_count) {
    char32_t value = 0;
    for (std::size_t i = 0; i < digit_count; ++i) {
      const char c = peek();
      const bool decimal = c >= '0' && c <= '9';
      const char lower = static_cast<char>(c | 0x20);
      if (!decimal && (lower < 'a' || lower > 'f')) {
        fail(fmt::format("expected {} hexadecimal digits", digit_count));
      }
      value = value * 16 + static_cast<char32_t>(decimal ? c - '0' : lower - 'a' + 10);
      ++at_;
    }
    return value;
  }

  char32_t parse_unicode_escape() {
    char32_t value = 0;
    if (take("{")) {
      std::size_t count = 0;
      while (count < 6 && peek(count) != '}' && peek(count) != '\0') ++count;
      if (count == 0) fail("expected hexadecimal digits");
      value = parse_hex(count);
      if (!take("}")) fail("expected }");
    } else {
      value = parse_hex(4);
      if (value >= 0xD800 && value <= 0xDBFF && take("\\u")) {
        const char32_t low = parse_hex(4);
        if (low < 0xDC00 || low > 0xDFFF) fail("half a surrogate pair");
        value = 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00);
      }
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) fail("not a character");
    return value;
  }

  /// What stands behind a backslash, as the set of characters it matches.
  CharSet parse_escape(bool in_class) {
    if (ended()) fail("a backslash at the end");
    const char c = text_[at_];
    CharSet one;
    switch (c) {
      case 'd': ++at_; return digits();
      case 'D': ++at_; return digits().complement();
      case 'w': ++at_; return word_chars();
      case 'W': ++at_; return word_chars().complement();
      case 's': ++at_; return spaces();
      case 'S': ++at_; return spaces().complement();
      case 'n':
        ++at_;
        one.add('\n');
        return one;
      case 'r':
        ++at_;
        one.add('\r');
        return one;
      case 't':
        ++at_;
        one.add('\t');
        return one;
      case 'f':
        ++at_;
        one.add('\f');
        return one;
      case 'v':
        ++at_;
        one.add('\v');
        return one;
      case 'x':
        ++at_;
        one.add(parse_hex(2));
        return one;
      case 'u':
        ++at_;
        one.add(parse_unicode_escape());
        return one;
      case 'c': {
        ++at_;
        const char letter = static_cast<char>(peek() | 0x20);
        if (letter < 'a' || letter > 'z') fail("expected a letter behind \\c");
        ++at_;
        one.add(static_cast<char32_t>(letter - 'a' + 1));
        return one;
      }
      case 'b':
        if (in_class) {
          ++at_;
          one.add('\b');
          return one;
        }
        refuse("a word boundary \\b");
      case 'B': refuse("a word boundary \\B");
      case 'p':
      case 'P': refuse("a Unicode property \\p");
      case 'k': refuse("a back-reference \\k");
      case 'A':
      case 'Z':
      case 'z':
      case 'G': refuse(fmt::format("the anchor \\{}", c));
      case '0':
        ++at_;
        if (peek() >= '0' && peek() <= '9') refuse("an octal escape");
        one.add(U'\0');
        return one;
      default: break;
    }
    if (c >= '1' && c <= '9') refuse(fmt::format("a back-reference \\{}", c));
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) fail(fmt::format("unknown \\{}", c));
    one.add(next_char());
    return one;
  }

  CharSet parse_class() {
    take("[");
    const bool negated = take("^");
    CharSet set;
    while (true) {
      if (ended()) fail("expected ]");
      if (peek() == ']') {
        ++at_;
        break;
      }
      if (peek() == '[' && peek(1) == ':') refuse("a POSIX class [:");
      const auto [items, single] = parse_class_item();
      if (single && peek() == '-' && peek(1) != ']' && peek(1) != '\0') {
        ++at_;
        const auto [upper, upper_single] = parse_class_item();
        if (!upper_single) fail("a range needs two characters");
        const char32_t from = items.ranges().front().first, to = upper.ranges().front().first;
        if (to < from) fail("the range runs backwards");
        set.add(from, to);
      } else {
        for (const CharSet::Range& range : items.ranges()) set.add(range.first, range.last);
      }
      if (set.ranges().size() > pool_.limits().class_ranges) {
        throw_grammar_limit("ranges in a character class", pool_.limits().class_ranges,
                            "regular expression");
      }
    }
    return negated ? set.complement() : set;
  }

  /// A character or a class escape, and whether it is a single character.
  std::pair<CharSet, bool> parse_class_item() {
    CharSet set;
    if (take("\\")) {
      set = parse_escape(true);
    } else {
      set.add(next_char());
    }
    const bool single =
        set.ranges().size() == 1 && set.ranges().front().first == set.ranges().front().last;
    return {set, single};
  }

  ExprPool& pool_;
  std::string_view text_;
  const CharWriter& writer_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
};

}  // namespace

ExprId parse_regex(ExprPool& pool, std::string_view pattern, RegexMatch match,
                   const CharWriter& writer) {
  if (pattern.size() > pool.limits().source_bytes) {
    throw_grammar_limit("bytes", pool.limits().source_bytes, "regular expression");
  }
  return RegexParser(pool, pattern, writer).parse(match);
}

}  // namespace jielong
