#include "generate/constraint/json_writer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/utf8.h"
#include "generate/constraint/decimal.h"

namespace jielong {
namespace {

/// The letter behind the backslash of a short escape, 0 when there is none.
char short_escape(char32_t c) {
  switch (c) {
    case '"': return '"';
    case '\\': return '\\';
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return 0;
  }
}

/// The characters that a JSON string cannot hold as they are.
const CharSet& escaped() {
  static const CharSet set = {{0, 0x1F}, {'"', '"'}, {'\\', '\\'}};
  return set;
}

}  // namespace

JsonWriter::JsonWriter(ExprPool& pool, JsonSpacing spacing) : pool_(pool), spacing_(spacing) {}

ExprId JsonWriter::space() {
  if (space_) return *space_;
  const ExprId blank = pool_.optional(pool_.literal(" "));
  if (spacing_ == JsonSpacing::compact) return *(space_ = blank);
  const RuleId rule = pool_.add_rule("space", true);
  const ExprId indent = pool_.repeat(pool_.chars(CharSet::of(" \t")), 0, 40);
  pool_.define(rule, pool_.choice({blank, pool_.sequence({pool_.literal("\n"), indent})}));
  return *(space_ = pool_.rule(rule));
}

ExprId JsonWriter::comma() {
  if (!comma_) comma_ = pool_.sequence({pool_.literal(","), space()});
  return *comma_;
}

ExprId JsonWriter::empty_pair(char open, char close) {
  return pool_.literal(std::string{open, close});
}

ExprId JsonWriter::enclosed(char open, ExprId inside, char close) {
  return pool_.sequence({pool_.literal(std::string_view(&open, 1)), space(), inside, space(),
                         pool_.literal(std::string_view(&close, 1))});
}

ExprId JsonWriter::list(char open, ExprId item, char close) {
  const ExprId more = pool_.repeat(pool_.sequence({comma(), item}), 0);
  return pool_.choice(
      {empty_pair(open, close), enclosed(open, pool_.sequence({item, more}), close)});
}

ExprId JsonWriter::member(ExprId name, ExprId value) {
  return pool_.sequence({name, pool_.literal(":"), space(), value});
}

ExprId JsonWriter::any_value() {
  if (value_) return *value_;
  const RuleId rule = pool_.add_rule("value");
  value_ = pool_.rule(rule);
  pool_.define(
      rule, pool_.choice({any_object(), any_array(), any_string(), any_number(),
                          pool_.literal("true"), pool_.literal("false"), pool_.literal("null")}));
  return *value_;
}

ExprId JsonWriter::any_object() {
  if (object_) return *object_;
  const RuleId rule = pool_.add_rule("object");
  object_ = pool_.rule(rule);
  pool_.define(rule, list('{', member(any_string(), any_value()), '}'));
  return *object_;
}

ExprId JsonWriter::any_array() {
  if (array_) return *array_;
  const RuleId rule = pool_.add_rule("array");
  array_ = pool_.rule(rule);
  pool_.define(rule, list('[', any_value(), ']'));
  return *array_;
}

ExprId JsonWriter::any_string() {
  if (string_) return *string_;
  const RuleId rule = pool_.add_rule("string", true);
  string_ = pool_.rule(rule);
  pool_.define(rule, quoted(pool_.repeat(character(CharSet::all()), 0)));
  return *string_;
}

ExprId JsonWriter::any_integer() {
  if (integer_) return *integer_;
  const RuleId rule = pool_.add_rule("integer", true);
  integer_ = pool_.rule(rule);
  const ExprId digit = pool_.chars({{'0', '9'}});
  const ExprId natural =
      pool_.choice({pool_.literal("0"),
                    pool_.sequence({pool_.chars({{'1', '9'}}), pool_.repeat(digit, 0, 17)})});
  pool_.define(rule, pool_.sequence({pool_.optional(pool_.literal("-")), natural}));
  return *integer_;
}

ExprId JsonWriter::any_number() {
  if (number_) return *number_;
  const ExprId integer = any_integer();
  const RuleId rule = pool_.add_rule("number", true);
  number_ = pool_.rule(rule);
  const ExprId digit = pool_.chars({{'0', '9'}});
  const ExprId fraction = pool_.sequence({pool_.literal("."), pool_.repeat(digit, 1, 17)});
  const ExprId exponent =
      pool_.sequence({pool_.chars(CharSet::of("eE")),
                      pool_.optional(pool_.chars(CharSet::of("+-"))), pool_.repeat(digit, 1, 2)});
  pool_.define(rule, pool_.sequence({integer, pool_.optional(fraction), pool_.optional(exponent)}));
  return *number_;
}

ExprId JsonWriter::plain_character(const CharSet& set) {
  std::vector<ExprId> choices;
  const CharSet plain = set - escaped();
  if (!plain.empty()) choices.push_back(pool_.chars(plain));
  CharSet letters;
  const CharSet special = set & escaped();
  for (const CharSet::Range& range : special.ranges()) {
    for (char32_t c = range.first; c <= range.last; ++c) {
      if (const char letter = short_escape(c); letter != 0) {
        letters.add(static_cast<unsigned char>(letter));
      } else {
        choices.push_back(pool_.literal(fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c))));
      }
    }
  }
  if (!letters.empty()) {
    choices.push_back(pool_.sequence({pool_.literal("\\"), pool_.chars(letters)}));
  }
  return pool_.choice(choices);
}

ExprId JsonWriter::character(const CharSet& set) {
  if (set != CharSet::all()) return plain_character(set);
  if (character_) return *character_;
  const CharSet hex = CharSet::of("0123456789abcdefABCDEF");
  const ExprId digit = pool_.chars(hex);
  const ExprId d = pool_.chars(CharSet::of("dD"));
  const auto low_two = pool_.repeat(digit, 2, 2);
  // Surrogates only in pairs.
  const ExprId basic = pool_.choice(
      {pool_.sequence({pool_.chars(hex - CharSet::of("dD")), pool_.repeat(digit, 3, 3)}),
       pool_.sequence({d, pool_.chars(CharSet::of("01234567")), low_two})});
  const ExprId pair =
      pool_.sequence({d, pool_.chars(CharSet::of("89abAB")), low_two, pool_.literal("\\u"), d,
                      pool_.chars(CharSet::of("cdefCDEF")), low_two});
  // A rule of its own, so that strings of bounded length need few nodes for each character.
  const RuleId escape = pool_.add_rule("escape", true);
  pool_.define(escape,
               pool_.choice({pool_.chars(CharSet::of("\"\\/bfnrt")),
                             pool_.sequence({pool_.literal("u"), pool_.choice({basic, pair})})}));
  character_ = pool_.choice({pool_.chars(CharSet::all() - escaped()),
                             pool_.sequence({pool_.literal("\\"), pool_.rule(escape)})});
  return *character_;
}

ExprId JsonWriter::quoted(ExprId inside) {
  return pool_.sequence({pool_.literal("\""), inside, pool_.literal("\"")});
}

ExprId JsonWriter::string(std::string_view text) {
  std::string spelled = "\"";
  for (std::string_view rest = text; !rest.empty();) {
    const CodePoint point = decode_utf8(rest);
    rest.remove_prefix(point.length);
    if (const char letter = short_escape(point.value); letter != 0) {
      spelled += {'\\', letter};
    } else if (point.value < 0x20) {
      spelled += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(point.value));
    } else {
      append_utf8(spelled, point.value);
    }
  }
  return pool_.literal(spelled + '"');
}

ExprId JsonWriter::value(const OrderedJson& json) {
  if (json.is_string()) return string(json.get_ref<const std::string&>());
  if (json.is_number_float()) {
    // A whole number may also be written as one.
    const auto number = Decimal::of(json);
    const ExprId written = pool_.literal(json.dump());
    if (!number || !number->is_integer() || number->whole.size() > 18) return written;
    return pool_.choice({written, pool_.literal((number->negative ? "-" : "") + number->whole)});
  }
  if (!json.is_structured()) return pool_.literal(json.dump());
  const bool object = json.is_object();
  const char open = object ? '{' : '[', close = object ? '}' : ']';
  if (json.empty()) return empty_pair(open, close);
  std::vector<ExprId> parts;
  for (auto item = json.begin(); item != json.end(); ++item) {
    if (!parts.empty()) parts.push_back(comma());
    parts.push_back(object ? member(string(item.key()), value(*item)) : value(*item));
  }
  return enclosed(open, pool_.sequence(parts), close);
}

}  // namespace jielong
