#include "model/template/lexer.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.h"
#include "base/utf8.h"
#include "model/template/python_text.h"

namespace jielong::jinja {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_name_start(char32_t point) {
  if (point < 0x80) {
    return point == '_' || (point >= 'a' && point <= 'z') || (point >= 'A' && point <= 'Z');
  }
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(point))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_NL: return true;
    default: return false;
  }
}

bool is_name_part(char32_t point) {
  if (is_name_start(point) || (point >= '0' && point <= '9')) return true;
  if (point < 0x80) return false;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(point))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_PC: return true;
    default: return false;
  }
}

// Longest first, so that "//" is not read as two divisions.
constexpr std::array<std::string_view, 26> kSymbols = {
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
    "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};

class Lexer {
 public:
  Lexer(std::string_view source, std::size_t& at) : source_(source), at_(at) { at_ = 0; }

  std::vector<LexToken> run() {
    while (at_ < source_.size()) {
      const std::size_t tag = find_tag();
      if (tag == source_.npos) {
        add_data(source_.substr(at_));
        at_ = source_.size();
        break;
      }
      const char kind = source_[tag + 1];
      const std::string_view before = source_.substr(at_, tag - at_);
      const char sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
      const bool has_sign = sign == '-' || sign == '+';
      add_data(strip_before(before, kind, has_sign ? sign : '\0'));
      at_ = tag + (has_sign ? 3 : 2);
      if (kind == '#') {
        skip_comment(tag);
      } else if (kind == '%' && skip_raw_begin()) {
        read_raw(tag);
      } else {
        read_tag(tag, kind);
      }
      line_starting_ = at_ > 0 && source_[at_ - 1] == '\n';
    }
    add(TokenType::end, source_.size());
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail(std::string what, std::size_t offset, std::string fix = {}) {
    at_ = offset;
    throw bad_input(std::move(what), {}, std::move(fix));
  }

  LexToken& add(TokenType type, std::size_t offset, std::string_view text = {}) {
    tokens_.push_back({type, offset, std::string(text), 0, 0});
    return tokens_.back();
  }

  void add_data(std::string_view text) {
    if (!text.empty()) add(TokenType::data, at_, text);
  }

  bool ahead(std::string_view text) const { return source_.substr(at_).starts_with(text); }

  std::size_t find_tag() const {
    for (std::size_t i = at_; i + 1 < source_.size(); ++i) {
      if (source_[i] != '{') continue;
      const char next = source_[i + 1];
      if (next == '{' || next == '%' || next == '#') return i;
    }
    return source_.npos;
  }

  /// What is left of the text before a tag: "-" strips all white space; without a sign,
  /// lstrip_blocks drops the indentation before a block or comment.
  std::string_view strip_before(std::string_view text, char kind, char sign) const {
    if (sign == '-') return strip_right(text);
    if (sign == '+' || kind == '{') return text;
    const std::size_t newline = text.rfind('\n');
    const std::size_t line = newline == text.npos ? 0 : newline + 1;
    if (newline == text.npos && !line_starting_) return text;
    return strip_left(text.substr(line)).empty() ? text.substr(0, line) : text;
  }

  void skip_space() {
    const std::string_view rest = source_.substr(at_);
    at_ += rest.size() - strip_left(rest).size();
  }

  /// Goes past the end `mark` of a block or comment with its sign. False if it is not here.
  bool skip_end(std::string_view mark) {
    if (ahead("-") && source_.substr(at_ + 1).starts_with(mark)) {
      at_ += 1 + mark.size();
      skip_space();
      return true;
    }
    if (ahead("+") && source_.substr(at_ + 1).starts_with(mark)) {
      at_ += 1 + mark.size();
      return true;
    }
    if (!ahead(mark)) return false;
    at_ += mark.size();
    if (ahead("\n")) ++at_;  // trim_blocks
    return true;
  }

  void skip_comment(std::size_t tag) {
    for (; at_ < source_.size(); ++at_) {
      if (skip_end("#}")) return;
    }
    fail("a comment is not closed", tag, "add '#}'");
  }

  /// After "{%": goes past "raw %}" and tells so, or moves nothing.
  bool skip_raw_begin() {
    const std::size_t start = at_;
    skip_space();
    if (ahead("raw")) {
      at_ += 3;
      skip_space();
      if (ahead("-%}")) {
        at_ += 3;
        skip_space();
        return true;
      }
      if (ahead("%}")) {
        at_ += 2;
        return true;
      }
    }
    at_ = start;
    return false;
  }

  void read_raw(std::size_t tag) {
    const std::size_t start = at_;
    line_starting_ = start > 0 && source_[start - 1] == '\n';
    for (std::size_t open = source_.find("{%", at_); open != source_.npos;
         open = source_.find("{%", open + 1)) {
      at_ = open + 2;
      char sign = '\0';
      if (ahead("-") || ahead("+")) sign = source_[at_++];
      skip_space();
      if (!ahead("endraw")) continue;
      at_ += 6;
      skip_space();
      if (!skip_end("%}")) continue;
      const std::size_t after = at_;
      at_ = start;
      add_data(strip_before(source_.substr(start, open - start), '%', sign));
      at_ = after;
      return;
    }
    fail("a raw block is not closed", tag, "add '{% endraw %}'");
  }

  void read_tag(std::size_t tag, char kind) {
    const bool variable = kind == '{';
    add(variable ? TokenType::variable_begin : TokenType::block_begin, tag);
    std::string open_brackets;
    for (;;) {
      skip_space();
      if (at_ >= source_.size()) {
        fail("a tag is not closed", tag, variable ? "add '}}'" : "add '%}'");
      }
      const std::size_t start = at_;
      if (open_brackets.empty()) {
        if (variable ? skip_variable_end() : skip_end("%}")) {
          add(variable ? TokenType::variable_end : TokenType::block_end, start);
          return;
        }
      }
      const CodePoint point = decode_utf8(source_.substr(at_));
      if (is_digit(source_[at_])) {
        read_number();
      } else if (is_name_start(point.value)) {
        read_name();
      } else if (point.value == '"' || point.value == '\'') {
        read_string();
      } else {
        read_symbol(open_brackets);
      }
    }
  }

  bool skip_variable_end() {
    if (ahead("-}}")) {
      at_ += 3;
      skip_space();
      return true;
    }
    if (!ahead("}}")) return false;
    at_ += 2;
    return true;
  }

  void read_name() {
    const std::size_t start = at_;
    while (at_ < source_.size()) {
      const CodePoint point = decode_utf8(source_.substr(at_));
      if (!point.valid || !is_name_part(point.value)) break;
      at_ += point.length;
    }
    add(TokenType::name, start, source_.substr(start, at_ - start));
  }

  void read_symbol(std::string& open_brackets) {
    const auto symbol = std::find_if(kSymbols.begin(), kSymbols.end(),
                                     [&](std::string_view text) { return ahead(text); });
    if (symbol == kSymbols.end()) {
      const std::size_t length = decode_utf8(source_.substr(at_)).length;
      fail(fmt::format("unexpected character '{}'", sanitize_utf8(source_.substr(at_, length))),
           at_);
    }
    const char c = (*symbol)[0];
    if (c == '(' || c == '[' || c == '{') {
      open_brackets += c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (c == ')' || c == ']' || c == '}') {
      if (open_brackets.empty() || open_brackets.back() != c) {
        fail(fmt::format("unexpected '{}'", c), at_);
      }
      open_brackets.pop_back();
    }
    add(TokenType::symbol, at_, *symbol);
    at_ += symbol->size();
  }

  /// Digits with single underscores between them, from at_.
  std::string read_digits(bool (*accept)(char)) {
    std::string digits;
    while (at_ < source_.size()) {
      const char c = source_[at_];
      if (accept(c)) {
        digits += c;
        ++at_;
      } else if (c == '_' && at_ + 1 < source_.size() && accept(source_[at_ + 1])) {
        ++at_;
      } else {
        break;
      }
    }
    return digits;
  }

  void read_number() {
    const std::size_t start = at_;
    const char second = at_ + 1 < source_.size() ? source_[at_ + 1] : '\0';
    int base = 10;
    if (source_[at_] == '0') {
      if (second == 'x' || second == 'X') base = 16;
      if (second == 'o' || second == 'O') base = 8;
      if (second == 'b' || second == 'B') base = 2;
    }
    std::string digits;
    if (base != 10) {
      at_ += 2;
      digits = read_digits(
          base == 16
              ? [](char
                       c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
          : base == 8 ? [](char c) { return c >= '0' && c <= '7'; }
                      : [](char c) { return c == '0' || c == '1'; });
    } else {
      digits = read_digits(is_digit);
      // In "messages.0.5" each number is an item of its own.
      const bool is_item = start > 0 && source_[start - 1] == '.';
      if (!is_item && read_fraction(digits)) {
        double value = 0;
        read_real(digits, &value);
        add(TokenType::real, start, digits).real = value;
        return;
      }
    }
    std::int64_t value = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (result.ec != std::errc()) fail("a whole number does not fit 64 bits", start);
    add(TokenType::integer, start, digits).integer = value;
  }

  /// Appends ".ddd" and "e±dd" to `digits` when they follow. False for a whole number.
  bool read_fraction(std::string& digits) {
    bool found = false;
    const auto digit_at = [&](std::size_t i) { return i < source_.size() && is_digit(source_[i]); };
    if (ahead(".") && digit_at(at_ + 1)) {
      ++at_;
      digits += "." + read_digits(is_digit);
      found = true;
    }
    if (at_ < source_.size() && (source_[at_] == 'e' || source_[at_] == 'E')) {
      const std::size_t sign =
          at_ + 1 < source_.size() && (source_[at_ + 1] == '+' || source_[at_ + 1] == '-');
      if (digit_at(at_ + 1 + sign)) {
        digits += 'e';
        if (sign == 1 && source_[at_ + 1] == '-') digits += '-';
        at_ += 1 + sign;
        digits += read_digits(is_digit);
        found = true;
      }
    }
    return found;
  }

  void read_string() {
    const std::size_t start = at_;
    const char quote = source_[at_++];
    std::string text;
    for (;;) {
      if (at_ >= source_.size()) fail("a string is not closed", start);
      const char c = source_[at_++];
      if (c == quote) break;
      if (c != '\\') {
        text += c;
        continue;
      }
      if (at_ >= source_.size()) fail("a string is not closed", start);
      read_escape(text);
    }
    add(TokenType::string, start).text = std::move(text);
  }

  void read_escape(std::string& text) {
    const char c = source_[at_++];
    switch (c) {
      case '\n': return;  // a line continued
      case 'n': text += '\n'; return;
      case 't': text += '\t'; return;
      case 'r': text += '\r'; return;
      case 'b': text += '\b'; return;
      case 'f': text += '\f'; return;
      case 'v': text += '\v'; return;
      case 'a': text += '\a'; return;
      case '\\':
      case '\'':
      case '"': text += c; return;
      case 'x': return read_code(text, 2);
      case 'u': return read_code(text, 4);
      case 'U': return read_code(text, 8);
      default: break;
    }
    if (c >= '0' && c <= '7') {
      char32_t value = static_cast<char32_t>(c - '0');
      for (int i = 0; i < 2 && at_ < source_.size() && source_[at_] >= '0' && source_[at_] <= '7';
           ++i) {
        value = value * 8 + static_cast<char32_t>(source_[at_++] - '0');
      }
      append_utf8(text, value);
      return;
    }
    // Python keeps a backslash it does not know.
    text += '\\';
    text += c;
  }

  void read_code(std::string& text, std::size_t digits) {
    char32_t value = read_hex(digits);
    if (value >= 0xD800 && value < 0xDC00 && ahead("\\u")) {
      // Two escapes for the halves of one character.
      at_ += 2;
      const char32_t low = read_hex(4);
      value = low >= 0xDC00 && low < 0xE000 ? 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00)
                                            : 0xD800;
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
      fail("an escape in a string is not a character", at_);
    }
    append_utf8(text, value);
  }

  char32_t read_hex(std::size_t digits) {
    std::uint32_t value = 0;
    const std::string_view part = source_.substr(at_, digits);
    const auto result = std::from_chars(part.data(), part.data() + part.size(), value, 16);
    if (part.size() != digits || result.ptr != part.data() + digits) {
      fail("an escape in a string is cut off", at_);
    }
    at_ += digits;
    return value;
  }

  std::string_view source_;
  std::size_t& at_;
  std::vector<LexToken> tokens_;
  bool line_starting_ = true;
};

}  // namespace

Place place_of(std::string_view source, std::size_t offset) {
  const std::string_view before = source.substr(0, std::min(offset, source.size()));
  const auto lines = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
  const std::size_t newline = before.rfind('\n');
  const std::string_view line = newline == before.npos ? before : before.substr(newline + 1);
  const auto characters =
      static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
      }));
  return {lines + 1, characters + 1};
}

std::string normalize_source(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
      out += '\n';
    } else {
      out += source[i];
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

std::vector<LexToken> tokenize(std::string_view source, std::size_t* failed_at) {
  return Lexer(source, *failed_at).run();
}

bool is_space(char32_t point) {
  return (point >= 0x09 && point <= 0x0D) || (point >= 0x1C && point <= 0x20) || point == 0x85 ||
         point == 0xA0 || point == 0x1680 || (point >= 0x2000 && point <= 0x200A) ||
         point == 0x2028 || point == 0x2029 || point == 0x202F || point == 0x205F ||
         point == 0x3000;
}

std::string_view strip_left(std::string_view text) {
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    if (!point.valid || !is_space(point.value)) break;
    text.remove_prefix(point.length);
  }
  return text;
}

std::string_view strip_right(std::string_view text) {
  while (!text.empty()) {
    std::size_t start = text.size() - 1;
    while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
    const CodePoint point = decode_utf8(text.substr(start));
    if (!point.valid || start + point.length != text.size() || !is_space(point.value)) break;
    text.remove_suffix(text.size() - start);
  }
  return text;
}

}  // namespace jielong::jinja
