#include "generate/constraint/json_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/quote.h"
#include "generate/constraint/json_writer.h"
#include "generate/constraint/schema_array.h"
#include "generate/constraint/schema_document.h"
#include "generate/constraint/schema_keywords.h"
#include "generate/constraint/schema_numbers.h"
#include "generate/constraint/schema_object.h"
#include "generate/constraint/schema_shape.h"
#include "generate/constraint/schema_strings.h"

namespace jielong {
namespace {

class SchemaCompiler final : public ValueRules {
 public:
  SchemaCompiler(ExprPool& pool, std::string_view schema, JsonSpacing spacing)
      : pool_(pool),
        document_(schema, pool.limits()),
        shapes_(document_, pool.limits()),
        writer_(pool, spacing) {}

  ExprId compile() {
    check_dialect();
    const ExprId root = value({document_.root()});
    // A rule's values become rules of their own that wait here: nothing is as deep as a schema.
    while (!waiting_.empty()) {
      const auto [rule, schemas] = std::move(waiting_.back());
      waiting_.pop_back();
      std::vector<ExprId> choices;
      for (const Shape& shape : shapes_.expand(schemas)) choices.push_back(write(shape));
      pool_.define(rule, pool_.choice(choices));
    }
    return root;
  }

  ExprId value(Conjunction schemas) override {
    for (Schema& schema : schemas) schema = without_plain_reference(schema);
    std::erase_if(schemas, [](const Schema& schema) { return says_nothing(*schema.json); });
    if (schemas.empty()) return writer_.any_value();
    std::vector<const OrderedJson*> key;
    for (const Schema& schema : schemas) {
      if (schema.json->is_boolean()) return pool_.nothing();
      key.push_back(schema.json);
    }
    std::sort(key.begin(), key.end());
    key.erase(std::unique(key.begin(), key.end()), key.end());
    const auto [entry, added] = rules_.try_emplace(std::move(key), 0);
    if (added) {
      entry->second = pool_.add_rule("#" + schemas.front().pointer);
      waiting_.emplace_back(entry->second, std::move(schemas));
    }
    return pool_.rule(entry->second);
  }

 private:
  void check_dialect() const {
    const Schema root = document_.root();
    if (!root.json->is_object() || !root.json->contains("$schema")) return;
    const OrderedJson& dialect = (*root.json)["$schema"];
    const std::string name = dialect.is_string() ? dialect.get<std::string>() : "";
    for (const char* known :
         {"json-schema.org/draft/2020-12/schema", "json-schema.org/schema",
          "json-schema.org/draft/2019-09/schema", "json-schema.org/draft-07/schema",
          "json-schema.org/draft-06/schema"}) {
      if (name.find(known) != name.npos) return;
    }
    throw_unsupported_schema("the dialect " + in_quotes(name), "/$schema",
                             "write the schema in draft 2020-12");
  }

  static bool says_nothing(const OrderedJson& schema) {
    if (schema.is_boolean()) return schema.get<bool>();
    if (!schema.is_object()) return false;
    for (auto item = schema.begin(); item != schema.end(); ++item) {
      if (is_assertion(item.key()) || item.key() == "$id") return false;
    }
    return true;
  }

  /// Follows schemas that are nothing but a reference, so that recursion meets the same schema.
  Schema without_plain_reference(Schema schema) const {
    for (std::size_t steps = 0; schema.json->is_object() && schema.json->contains("$ref");
         ++steps) {
      if (steps > pool_.limits().depth) {
        throw_bad_schema("the schema refers back to itself before it says anything",
                         schema.pointer);
      }
      for (auto item = schema.json->begin(); item != schema.json->end(); ++item) {
        if (item.key() != "$ref" && is_assertion(item.key())) return schema;
      }
      const OrderedJson& reference = (*schema.json)["$ref"];
      if (!reference.is_string()) throw_bad_schema("must be a string", schema.pointer + "/$ref");
      schema = document_.resolve(reference.get<std::string>(), schema);
    }
    return schema;
  }

  ExprId write(const Shape& shape) {
    if (shape.values) {
      std::vector<ExprId> choices;
      for (const OrderedJson* one : *shape.values) {
        if (shapes_.accepts(shape, *one)) choices.push_back(writer_.value(*one));
      }
      return pool_.choice(choices);
    }
    std::vector<ExprId> choices;
    const auto has = [&](unsigned type) { return (shape.types & type) != 0; };
    const auto excluded = [&](const auto& test) {
      return std::any_of(shape.excluded.begin(), shape.excluded.end(),
                         [&](const OrderedJson* one) { return test(*one); });
    };
    if (has(Shape::kObject)) choices.push_back(write_object(shape));
    if (has(Shape::kArray)) choices.push_back(write_array(shape));
    if (has(Shape::kString)) choices.push_back(write_string(shape));
    if (has(Shape::kInteger | Shape::kFraction)) choices.push_back(write_number(shape));
    if (has(Shape::kBoolean)) {
      for (const bool truth : {true, false}) {
        if (excluded([&](const OrderedJson& one) { return one == truth; })) continue;
        choices.push_back(pool_.literal(truth ? "true" : "false"));
      }
    }
    if (has(Shape::kNull) && !excluded([](const OrderedJson& one) { return one.is_null(); })) {
      choices.push_back(pool_.literal("null"));
    }
    return pool_.choice(choices);
  }

  ExprId write_number(const Shape& shape) {
    const bool fractions = (shape.types & Shape::kFraction) != 0;
    const bool integers = (shape.types & Shape::kInteger) != 0;
    if (integers && !has_number_rules(shape)) {
      return fractions ? writer_.any_number() : writer_.any_integer();
    }
    CharAutomaton numbers = number_automaton(shape, fractions, pool_.limits());
    if (!integers) {
      ExprPool scratch(pool_.limits());
      const ExprId digit = scratch.chars({{'0', '9'}});
      const ExprId integer =
          scratch.sequence({scratch.optional(scratch.literal("-")), scratch.repeat(digit, 1),
                            scratch.optional(scratch.sequence(
                                {scratch.literal("."), scratch.repeat(scratch.literal("0"), 1)}))});
      numbers = numbers.intersect(CharAutomaton::of(scratch, integer).complement(), pool_.limits());
    }
    return numbers.write(pool_, [&](const CharSet& set) { return pool_.chars(set); });
  }

  ExprId write_string(const Shape& shape) {
    const bool excludes = std::any_of(shape.excluded.begin(), shape.excluded.end(),
                                      [](const OrderedJson* one) { return one->is_string(); });
    const bool lengths = shape.min_length > 0 || shape.max_length;
    std::vector<std::string> formats;
    for (const std::string& format : shape.formats) {
      if (format_pattern(format)) formats.push_back(format);
    }
    const std::size_t rules = shape.patterns.size() + shape.other_than_patterns.size() +
                              formats.size() + (excludes ? 1 : 0) + (lengths ? 1 : 0);
    if (rules == 0) return writer_.any_string();
    // Strings with the same rules share theirs, and so their masks.
    std::string key = fmt::format("{} {}", shape.min_length, shape.max_length.value_or(SIZE_MAX));
    for (const std::string& pattern : shape.patterns) key += std::string("\0p", 2) + pattern;
    for (const std::string& pattern : shape.other_than_patterns)
      key += std::string("\0n", 2) + pattern;
    for (const std::string& format : formats) key += std::string("\0f", 2) + format;
    if (excludes) return spell_string(shape, rules, formats);
    const auto [entry, added] = strings_.try_emplace(std::move(key), 0);
    if (added) {
      const ExprId spelled = spell_string(shape, rules, formats);
      entry->second = pool_.add_rule("string", true);
      pool_.define(entry->second, spelled);
    }
    return pool_.rule(entry->second);
  }

  /// A string with so many kinds of rules, known formats among them.
  ExprId spell_string(const Shape& shape, std::size_t rules,
                      const std::vector<std::string>& formats) {
    const bool lengths = shape.min_length > 0 || shape.max_length;
    const CharWriter character = [&](const CharSet& set) { return writer_.character(set); };
    // Alone, each of these needs no deterministic automaton.
    if (rules == 1 && lengths) {
      if (shape.max_length && *shape.max_length < shape.min_length) return pool_.nothing();
      return writer_.quoted(pool_.repeat(character(CharSet::all()), shape.min_length,
                                         shape.max_length.value_or(std::size_t{Expr::kUnbounded})));
    }
    try {
      if (rules == 1 && !shape.patterns.empty()) {
        return writer_.quoted(
            parse_regex(pool_, *shape.patterns.begin(), RegexMatch::search, character));
      }
      if (rules == 1 && !formats.empty()) {
        return writer_.quoted(
            parse_regex(pool_, *format_pattern(formats.front()), RegexMatch::whole, character));
      }
      return writer_.quoted(
          string_automaton(shape, pool_.limits()).write(pool_, [&](const CharSet& set) {
            return writer_.plain_character(set);
          }));
    } catch (const Error& error) {
      throw error.within("JSON Schema, #" + shape.pointer + "/pattern");
    }
  }

  ExprId write_array(const Shape& shape) {
    refuse_excluded(shape, [](const OrderedJson& one) { return one.is_array(); });
    return ArrayWriter(pool_, writer_, shapes_, *this).write(shape);
  }

  ExprId write_object(const Shape& shape) {
    refuse_excluded(shape, [](const OrderedJson& one) { return one.is_object(); });
    return ObjectWriter(pool_, writer_, shapes_, *this).write(shape);
  }

  template <class Test>
  void refuse_excluded(const Shape& shape, const Test& test) const {
    for (const OrderedJson* one : shape.excluded) {
      if (!test(*one)) continue;
      throw_unsupported_schema("\"not\" of a single list or object", shape.pointer);
    }
  }

  ExprPool& pool_;
  SchemaDocument document_;
  ShapeMaker shapes_;
  JsonWriter writer_;
  std::map<std::vector<const OrderedJson*>, RuleId> rules_;
  std::map<std::string, RuleId> strings_;  // by what binds them
  std::vector<std::pair<RuleId, Conjunction>> waiting_;
};

}  // namespace

ExprId compile_json_schema(ExprPool& pool, std::string_view schema, JsonSpacing spacing) {
  return SchemaCompiler(pool, schema, spacing).compile();
}

}  // namespace jielong
