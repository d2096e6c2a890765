#include "generate/constraint/gbnf.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/quote.h"
#include "base/utf8.h"

namespace jielong {
namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

class GbnfParser {
 public:
  GbnfParser(ExprPool& pool, std::string_view text) : pool_(pool), text_(text) {}

  ExprId parse() {
    skip_space(true);
    while (at_ < text_.size()) parse_rule();
    for (const Reference& reference : references_) {
      if (pool_.rules()[reference.rule].defined) continue;
      at_ = reference.at;
      fail("no rule is called " + in_quotes(pool_.rules()[reference.rule].name), "define it");
    }
    const auto root = rules_.find("root");
    if (root == rules_.end() || !pool_.rules()[root->second].defined) {
      throw bad_input("has no rule called \"root\"", "grammar", "add root ::= …");
    }
    return pool_.rule(root->second);
  }

 private:
  struct Reference {
    RuleId rule;
    std::size_t at;
  };

  [[noreturn]] void fail(const std::string& what, const std::string& fix = {}) const {
    const std::string_view before = text_.substr(0, at_);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const std::size_t begin = before.rfind('\n');
    const std::size_t column = begin == before.npos ? at_ : at_ - begin - 1;
    throw bad_input(what, fmt::format("grammar, line {}, column {}", line, column + 1), fix);
  }

  bool ended() const { return at_ >= text_.size(); }
  char peek() const { return ended() ? '\0' : text_[at_]; }
  bool take(std::string_view token) {
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }

  /// Spaces and comments; line breaks only with `lines`.
  void skip_space(bool lines) {
    while (!ended()) {
      const char c = peek();
      if (c == '#') {
        while (!ended() && peek() != '\n' && peek() != '\r') ++at_;
      } else if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r'))) {
        ++at_;
      } else {
        return;
      }
    }
  }

  std::string parse_name() {
    const std::size_t begin = at_;
    while (!ended() && is_word(text_[at_])) ++at_;
    if (at_ == begin) fail("expected the name of a rule");
    return std::string(text_.substr(begin, at_ - begin));
  }

  RuleId rule_named(const std::string& name) {
    const auto [entry, added] = rules_.try_emplace(name, 0);
    if (added) entry->second = pool_.add_rule(name);
    return entry->second;
  }

  void parse_rule() {
    const std::size_t begin = at_;
    const RuleId rule = rule_named(parse_name());
    if (pool_.rules()[rule].defined) {
      at_ = begin;
      fail("the rule " + in_quotes(pool_.rules()[rule].name) + " is defined twice");
    }
    skip_space(false);
    if (!take("::=")) fail("expected ::= after the name of a rule");
    skip_space(true);
    pool_.define(rule, parse_alternates(false));
    if (!ended() && !take("\r\n") && !take("\n") && !take("\r")) {
      fail("expected the end of the rule", "put each rule on a line of its own");
    }
    skip_space(true);
  }

  ExprId parse_alternates(bool nested) {
    if (++depth_ > pool_.limits().depth) {
      throw_grammar_limit("nested groups", pool_.limits().depth);
    }
    std::vector<ExprId> choices = {parse_sequence(nested)};
    while (take("|")) {
      skip_space(true);
      choices.push_back(parse_sequence(nested));
    }
    --depth_;
    return pool_.choice(choices);
  }

  ExprId parse_sequence(bool nested) {
    std::vector<ExprId> parts;
    while (!ended()) {
      const char c = peek();
      if (c == '"') {
        parts.push_back(parse_literal());
      } else if (c == '[') {
        parts.push_back(parse_class());
      } else if (c == '.') {
        ++at_;
        parts.push_back(pool_.chars(CharSet::all()));
      } else if (c == '(') {
        ++at_;
        skip_space(true);
        parts.push_back(parse_alternates(true));
        if (!take(")")) fail("expected )");
      } else if (is_word(c)) {
        const std::size_t begin = at_;
        const RuleId rule = rule_named(parse_name());
        references_.push_back({rule, begin});
        parts.push_back(pool_.rule(rule));
      } else if (c == '*' || c == '+' || c == '?' || c == '{') {
        if (parts.empty()) fail("nothing stands before the repetition");
        parts.back() = parse_repetition(parts.back());
      } else if (c == '<' || c == '!') {
        throw Error(ErrorKind::unsupported, "<token> matches single tokens, which is not done",
                    fmt::format("grammar, byte {}", at_), "write the token's text in quotes");
      } else {
        break;
      }
      skip_space(nested);
    }
    return pool_.sequence(parts);
  }

  std::size_t parse_number() {
    const std::size_t begin = at_;
    std::size_t value = 0;
    while (peek() >= '0' && peek() <= '9') {
      value = std::min<std::size_t>(value * 10 + static_cast<std::size_t>(peek() - '0'), 1U << 30);
      ++at_;
    }
    if (at_ == begin) fail("expected a number");
    return value;
  }

  ExprId parse_repetition(ExprId part) {
    if (take("*")) return pool_.repeat(part, 0);
    if (take("+")) return pool_.repeat(part, 1);
    if (take("?")) return pool_.optional(part);
    take("{");
    skip_space(false);
    const std::size_t least = peek() == ',' ? 0 : parse_number();
    skip_space(false);
    std::size_t most = least;
    if (take(",")) {
      skip_space(false);
      most = Expr::kUnbounded;
      if (peek() != '}') most = parse_number();
      skip_space(false);
    }
    if (!take("}")) fail("expected }");
    return pool_.repeat(part, least, most);
  }

  char32_t parse_hex(std::size_t digits) {
    char32_t value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      const char c = peek();
      if (c >= '0' && c <= '9') {
        value = value * 16 + static_cast<char32_t>(c - '0');
      } else if (c >= 'a' && c <= 'f') {
        value = value * 16 + static_cast<char32_t>(c - 'a' + 10);
      } else if (c >= 'A' && c <= 'F') {
        value = value * 16 + static_cast<char32_t>(c - 'A' + 10);
      } else {
        fail(fmt::format("expected {} hexadecimal digits", digits));
      }
      ++at_;
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
      fail(fmt::format("U+{:04X} is not a character", static_cast<std::uint32_t>(value)));
    }
    return value;
  }

  /// A character of a literal or class, with its escapes.
  char32_t parse_char() {
    if (take("\\")) {
      if (take("x")) return parse_hex(2);
      if (take("u")) return parse_hex(4);
      if (take("U")) return parse_hex(8);
      if (take("t")) return '\t';
      if (take("r")) return '\r';
      if (take("n")) return '\n';
      const char c = peek();
      if (ended() || std::string_view("\\\"[]-^").find(c) == std::string_view::npos) {
        fail("unknown escape", "known are \\x \\u \\U \\t \\r \\n \\\\ \\\" \\[ \\]");
      }
      ++at_;
      return static_cast<unsigned char>(c);
    }
    if (ended()) fail("the text ends inside a literal or class");
    const CodePoint point = decode_utf8(text_.substr(at_));
    if (!point.valid) fail("is not UTF-8");
    at_ += point.length;
    return point.value;
  }

  ExprId parse_literal() {
    take("\"");
    std::string literal;
    while (!take("\"")) append_utf8(literal, parse_char());
    return pool_.literal(literal);
  }

  ExprId parse_class() {
    take("[");
    const bool negated = take("^");
    CharSet set;
    while (!take("]")) {
      const char32_t first = parse_char();
      char32_t last = first;
      if (peek() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        ++at_;
        last = parse_char();
      }
      if (last < first) fail("the range runs backwards");
      set.add(first, last);
      if (set.ranges().size() > pool_.limits().class_ranges) {
        throw_grammar_limit("ranges in a character class", pool_.limits().class_ranges);
      }
    }
    return pool_.chars(negated ? set.complement() : set);
  }

  ExprPool& pool_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::unordered_map<std::string, RuleId> rules_;
  std::vector<Reference> references_;
};

}  // namespace

ExprId parse_gbnf(ExprPool& pool, std::string_view text) {
  if (text.size() > pool.limits().source_bytes) {
    throw_grammar_limit("bytes", pool.limits().source_bytes);
  }
  return GbnfParser(pool, text).parse();
}

}  // namespace jielong
