#include "generate/constraint/schema_shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/quote.h"
#include "generate/constraint/expression.h"
#include "generate/constraint/schema_keywords.h"

namespace jielong {
namespace {

template <class T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

/// Adds the parts that come from other schemas: reached twice, one says nothing new.
template <class Part>
void append_parts(std::vector<Part>& to, const std::vector<Part>& from) {
  for (const Part& part : from) {
    const bool known =
        std::any_of(to.begin(), to.end(), [&](const Part& p) { return p.source == part.source; });
    if (!known) to.push_back(part);
  }
}

std::optional<std::size_t> smaller(std::optional<std::size_t> a, std::optional<std::size_t> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

std::optional<Shape::Bound> tighter(const std::optional<Shape::Bound>& a,
                                    const std::optional<Shape::Bound>& b, int sign) {
  if (!a || !b) return a ? a : b;
  const int order = sign * compare(a->value, b->value);
  if (order != 0) return order > 0 ? a : b;
  return a->exclusive ? a : b;
}

/// What a schema that does not hold says about one property.
Shape::ObjectPart denied(const OrderedJson& source, const std::string& name, Schema schema) {
  Shape::ObjectPart part;
  part.source = &source;
  part.properties.emplace_back(name, std::move(schema));
  return part;
}

}  // namespace

const OrderedJson& everything_schema() {
  static const OrderedJson schema = true;
  return schema;
}

const OrderedJson& nothing_schema() {
  static const OrderedJson schema = false;
  return schema;
}

bool json_equal(const OrderedJson& a, const OrderedJson& b) {
  if (a.is_object() && b.is_object()) {
    if (a.size() != b.size()) return false;
    for (auto item = a.begin(); item != a.end(); ++item) {
      const auto other = b.find(item.key());
      if (other == b.end() || !json_equal(*item, *other)) return false;
    }
    return true;
  }
  if (a.is_array() && b.is_array()) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), json_equal);
  }
  return a == b;
}

ShapeMaker::ShapeMaker(const SchemaDocument& document, const GrammarLimits& limits)
    : document_(document), limits_(limits) {}

std::optional<Shape> ShapeMaker::merge(const Shape& a, const Shape& b) const {
  Shape out = a;
  if (out.pointer.empty()) out.pointer = b.pointer;
  out.types &= b.types;
  if (out.types == 0) return std::nullopt;
  if (b.values) {
    if (out.values) {
      std::erase_if(*out.values, [&](const OrderedJson* value) {
        return std::none_of(b.values->begin(), b.values->end(),
                            [&](const OrderedJson* other) { return json_equal(*value, *other); });
      });
    } else {
      out.values = b.values;
    }
    if (out.values->empty()) return std::nullopt;
  }
  append(out.excluded, b.excluded);
  out.lower = tighter(a.lower, b.lower, 1);
  out.upper = tighter(a.upper, b.upper, -1);
  append(out.multiples, b.multiples);
  out.min_length = std::max(a.min_length, b.min_length);
  out.max_length = smaller(a.max_length, b.max_length);
  out.patterns.insert(b.patterns.begin(), b.patterns.end());
  out.other_than_patterns.insert(b.other_than_patterns.begin(), b.other_than_patterns.end());
  out.formats.insert(b.formats.begin(), b.formats.end());
  append_parts(out.arrays, b.arrays);
  for (const Shape::Contains& part : b.contains) {
    const bool known =
        std::any_of(out.contains.begin(), out.contains.end(), [&](const Shape::Contains& other) {
          return other.schema.json == part.schema.json && other.least == part.least &&
                 other.most == part.most;
        });
    if (!known) out.contains.push_back(part);
  }
  out.min_items = std::max(a.min_items, b.min_items);
  out.max_items = smaller(a.max_items, b.max_items);
  if (out.unique_items.empty()) out.unique_items = b.unique_items;
  append_parts(out.objects, b.objects);
  for (const std::string& name : b.required) {
    if (std::find(out.required.begin(), out.required.end(), name) == out.required.end()) {
      out.required.push_back(name);
    }
  }
  out.min_properties = std::max(a.min_properties, b.min_properties);
  out.max_properties = smaller(a.max_properties, b.max_properties);
  append(out.names, b.names);
  return out;
}

std::vector<Shape> ShapeMaker::multiply(const std::vector<Shape>& a,
                                        const std::vector<Shape>& b) const {
  std::vector<Shape> out;
  for (const Shape& left : a) {
    for (const Shape& right : b) {
      auto both = merge(left, right);
      if (!both) continue;
      if (out.size() >= limits_.alternatives) {
        throw_grammar_limit("alternatives that schemas multiply out to", limits_.alternatives,
                            "JSON Schema, #" + both->pointer);
      }
      out.push_back(std::move(*both));
    }
  }
  return out;
}

std::vector<Shape> ShapeMaker::expand(const Conjunction& schemas) {
  std::vector<Shape> shapes = {Shape{}};
  for (const Schema& schema : schemas) shapes = multiply(shapes, shapes_of(schema));
  return shapes;
}

std::vector<Shape> ShapeMaker::shapes_of(const Schema& schema) {
  if (const auto known = known_.find(schema.json); known != known_.end()) return known->second;
  if (!active_.insert(schema.json).second) {
    throw_bad_schema("the schema refers back to itself before it says anything", schema.pointer);
  }
  if (active_.size() > limits_.depth) {
    throw_grammar_limit("schemas within schemas", limits_.depth, "JSON Schema");
  }
  struct Leave {
    std::set<const OrderedJson*>& active;
    const OrderedJson* json;
    ~Leave() { active.erase(json); }
  } leave{active_, schema.json};
  std::vector<Shape> shapes = expand_applicators(schema);
  std::erase_if(shapes, [](const Shape& shape) { return shape.types == 0; });
  return known_[schema.json] = std::move(shapes);
}

std::vector<Shape> ShapeMaker::expand_applicators(const Schema& schema) {
  std::vector<Shape> shapes = {read_keywords(schema, schema.json == document_.root().json)};
  if (!schema.json->is_object()) return shapes;
  const auto has = [&](const char* keyword) { return schema.json->contains(keyword); };
  if (has("$ref")) {
    const Schema reference = schema.at("$ref");
    if (!reference.json->is_string()) throw_bad_schema("must be a string", reference.pointer);
    const Schema target = document_.resolve(reference.json->get<std::string>(), schema);
    shapes = multiply(shapes, shapes_of(target));
  }
  if (has("allOf")) {
    for (const Schema& part : read_schema_list(schema.at("allOf"))) {
      shapes = multiply(shapes, shapes_of(part));
    }
  }
  if (has("anyOf")) {
    std::vector<Shape> any;
    for (const Schema& part : read_schema_list(schema.at("anyOf"))) append(any, shapes_of(part));
    shapes = multiply(shapes, any);
  }
  if (has("not")) shapes = multiply(shapes, opposites(schema.at("not")));
  if (has("if") && (has("then") || has("else"))) shapes = multiply(shapes, conditional(schema));
  for (const char* keyword : {"dependentRequired", "dependentSchemas"}) {
    if (has(keyword)) shapes = multiply(shapes, dependent(schema, keyword));
  }
  if (has("oneOf")) shapes = one_of(shapes, schema.at("oneOf"));
  add_unevaluated(shapes, schema);
  return shapes;
}

/// unevaluatedProperties and unevaluatedItems: what no part of the schema that holds has spoken
/// of. Each shape knows the parts it is made of; a branch that holds besides could only allow
/// more.
void ShapeMaker::add_unevaluated(std::vector<Shape>& shapes, const Schema& schema) {
  if (schema.json->contains("unevaluatedProperties")) {
    const Schema others = schema.at("unevaluatedProperties");
    check_schema(others);
    for (Shape& shape : shapes) {
      Shape::ObjectPart rest;
      rest.source = &made_.emplace_back(true);
      rest.additional = others;
      bool all = false;
      for (const Shape::ObjectPart& part : shape.objects) {
        if (part.negated) continue;
        all = all || part.additional;
        for (const auto& [name, value] : part.properties) {
          rest.properties.emplace_back(name, Schema{&everything_schema(), value.pointer});
        }
        for (const auto& [pattern, value] : part.patterns) {
          rest.patterns.emplace_back(pattern, Schema{&everything_schema(), value.pointer});
        }
      }
      if (!all) shape.objects.push_back(std::move(rest));
    }
  }
  if (schema.json->contains("unevaluatedItems")) {
    const Schema others = schema.at("unevaluatedItems");
    check_schema(others);
    for (Shape& shape : shapes) {
      Shape::ArrayPart rest;
      rest.source = &made_.emplace_back(true);
      rest.rest = others;
      bool all = false;
      for (const Shape::ArrayPart& part : shape.arrays) {
        if (part.negated) continue;
        all = all || part.rest;
        const std::size_t longest = std::max(rest.prefix.size(), part.prefix.size());
        rest.prefix.resize(longest, Schema{&everything_schema(), others.pointer});
      }
      // What `contains` looks for counts as spoken of.
      OrderedJson found = OrderedJson::array();
      for (const Shape::Contains& part : shape.contains) {
        if (!part.negated) found.push_back(*part.schema.json);
      }
      if (!found.empty()) {
        found.push_back(*others.json);
        rest.rest = Schema{&made_.emplace_back(OrderedJson{{"anyOf", found}}), others.pointer};
      }
      if (!all) shape.arrays.push_back(std::move(rest));
    }
  }
}

std::vector<Shape> ShapeMaker::conditional(const Schema& schema) {
  const Schema condition = schema.at("if");
  std::vector<Shape> yes = shapes_of(condition), no = opposites(condition);
  if (schema.json->contains("then")) yes = multiply(yes, shapes_of(schema.at("then")));
  if (schema.json->contains("else")) no = multiply(no, shapes_of(schema.at("else")));
  append(yes, no);
  return yes;
}

std::vector<Shape> ShapeMaker::dependent(const Schema& schema, const std::string& keyword) {
  const Schema map = schema.at(keyword);
  if (!map.json->is_object()) throw_bad_schema("must be an object", map.pointer);
  std::vector<Shape> shapes = {Shape{}};
  for (auto item = map.json->begin(); item != map.json->end(); ++item) {
    const Schema value = map.at(item.key());
    Shape absent;
    absent.objects.push_back(
        denied(made_.emplace_back(true), item.key(), {&nothing_schema(), value.pointer}));
    std::vector<Shape> present = {Shape{}};
    present.front().types = Shape::kObject;
    present.front().required = {item.key()};
    if (keyword == "dependentSchemas") {
      present = multiply(present, shapes_of(value));
    } else {
      Shape needed;
      needed.required = read_names(value);
      present = multiply(present, {needed});
    }
    append(present, {absent});
    shapes = multiply(shapes, present);
  }
  return shapes;
}

std::vector<Shape> ShapeMaker::one_of(const std::vector<Shape>& base, const Schema& list) {
  struct Branch {
    Shape shape;
    std::size_t number;  // of the schema it came from
    bool closed = false;
    std::set<std::size_t> others;  // schemas that must not hold as well
  };
  std::vector<Branch> branches;
  const std::vector<Schema> parts = read_schema_list(list);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    for (Shape& shape : multiply(base, shapes_of(parts[i]))) {
      branches.push_back({std::move(shape), i, false, {}});
    }
  }
  constexpr std::size_t kMost = 128;
  if (branches.size() > kMost) throw_grammar_limit("branches of oneOf", kMost, list.pointer);

  /// The shape without properties that it does not name: what is written anyway, unless other
  /// schemas ask for more.
  const auto close = [&](const Shape& shape) {
    Shape closed = shape;
    Shape::ObjectPart only;
    only.source = &made_.emplace_back(true);
    for (const Shape::ObjectPart& part : shape.objects) {
      for (const auto& [name, schema] : part.properties) {
        only.properties.emplace_back(name, Schema{&everything_schema(), schema.pointer});
      }
      append(only.patterns, part.patterns);
    }
    for (const std::string& name : shape.required) {
      only.properties.emplace_back(name, Schema{&everything_schema(), shape.pointer});
    }
    only.additional = Schema{&nothing_schema(), shape.pointer};
    if (!only.properties.empty()) closed.objects.push_back(std::move(only));
    return closed;
  };
  const auto disjoint = [&](const Shape& a, const Shape& b) {
    const auto both = merge(a, b);
    return !both || provably_empty(*both);
  };
  for (std::size_t i = 0; i < branches.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      Branch &a = branches[i], &b = branches[j];
      if (a.number == b.number || disjoint(a.shape, b.shape)) continue;
      const Shape closed_a = close(a.shape), closed_b = close(b.shape);
      if (disjoint(closed_a, b.shape) && disjoint(a.shape, closed_b)) {
        a.closed = b.closed = true;
      } else {
        a.others.insert(b.number);
        b.others.insert(a.number);
      }
    }
  }
  std::vector<Shape> shapes;
  for (const Branch& branch : branches) {
    std::vector<Shape> alone = {branch.closed ? close(branch.shape) : branch.shape};
    for (const std::size_t other : branch.others) {
      try {
        alone = multiply(alone, opposites(parts[other]));
      } catch (const Error& error) {
        throw_unsupported_schema(
            fmt::format("\"oneOf\" whose branches {} and {} may both hold ({})", branch.number,
                        other, error.problem()),
            list.pointer, "use anyOf, or tell them apart by a required property with a const");
      }
    }
    append(shapes, alone);
  }
  return shapes;
}

/// The shapes of values that a schema does not accept. It does not hold, so it has evaluated
/// nothing.
std::vector<Shape> ShapeMaker::opposites(const Schema& schema) {
  std::vector<Shape> shapes = negate(schema);
  for (Shape& shape : shapes) {
    for (Shape::ObjectPart& part : shape.objects) part.negated = true;
    for (Shape::ArrayPart& part : shape.arrays) part.negated = true;
    for (Shape::Contains& part : shape.contains) part.negated = true;
  }
  return shapes;
}

std::vector<Shape> ShapeMaker::negate(const Schema& schema, int depth) {
  constexpr int kDeepest = 8;
  if (depth > kDeepest) throw_unsupported_schema("\"not\" of so deep a schema", schema.pointer);
  if (schema.json->is_boolean()) {
    return schema.json->get<bool>() ? std::vector<Shape>{} : std::vector<Shape>{Shape{}};
  }
  if (!schema.json->is_object()) throw_bad_schema("must be a schema", schema.pointer);
  // A value that fails one of the keywords.
  std::vector<Shape> shapes;
  for (auto item = schema.json->begin(); item != schema.json->end(); ++item) {
    if (is_assertion(item.key())) append(shapes, negate_keyword(schema, item.key(), depth));
  }
  return shapes;
}

std::vector<Shape> ShapeMaker::negate_keyword(const Schema& schema, const std::string& keyword,
                                              int depth) {
  const Schema value = schema.at(keyword);
  Shape shape;
  shape.pointer = value.pointer;
  std::vector<Shape> shapes;
  if (keyword == "type") {
    shape.types = Shape::kAll & ~read_types(value);
  } else if (keyword == "const") {
    shape.excluded = {value.json};
  } else if (keyword == "enum") {
    if (!value.json->is_array()) throw_bad_schema("must be a list", value.pointer);
    for (const OrderedJson& item : *value.json) shape.excluded.push_back(&item);
  } else if (keyword == "minimum" || keyword == "exclusiveMinimum") {
    shape.types = Shape::kInteger | Shape::kFraction;
    shape.upper = Shape::Bound{read_number(value), keyword == "minimum"};
  } else if (keyword == "maximum" || keyword == "exclusiveMaximum") {
    shape.types = Shape::kInteger | Shape::kFraction;
    shape.lower = Shape::Bound{read_number(value), keyword == "maximum"};
  } else if (keyword == "minLength" || keyword == "minItems" || keyword == "minProperties") {
    const std::size_t least = read_count(value);
    if (least == 0) return {};
    (keyword == "minLength"  ? shape.max_length
     : keyword == "minItems" ? shape.max_items
                             : shape.max_properties) = least - 1;
    shape.types = keyword == "minLength"  ? Shape::kString
                  : keyword == "minItems" ? Shape::kArray
                                          : Shape::kObject;
  } else if (keyword == "maxLength" || keyword == "maxItems" || keyword == "maxProperties") {
    (keyword == "maxLength"  ? shape.min_length
     : keyword == "maxItems" ? shape.min_items
                             : shape.min_properties) = read_count(value) + 1;
    shape.types = keyword == "maxLength"  ? Shape::kString
                  : keyword == "maxItems" ? Shape::kArray
                                          : Shape::kObject;
  } else if (keyword == "pattern") {
    shape.types = Shape::kString;
    if (!value.json->is_string()) throw_bad_schema("must be a string", value.pointer);
    shape.other_than_patterns = {value.json->get<std::string>()};
  } else if (keyword == "required") {
    for (const std::string& name : read_names(value)) {
      Shape without;
      without.types = Shape::kObject;
      made_.push_back(OrderedJson(false));
      without.objects.push_back(denied(made_.back(), name, {&made_.back(), value.pointer}));
      shapes.push_back(std::move(without));
    }
    return shapes;
  } else if (keyword == "properties") {
    if (!value.json->is_object()) throw_bad_schema("must be an object", value.pointer);
    for (auto item = value.json->begin(); item != value.json->end(); ++item) {
      Shape other;
      other.types = Shape::kObject;
      other.required = {item.key()};
      made_.push_back(OrderedJson{{"not", *item}});
      other.objects.push_back(
          denied(made_.back(), item.key(), {&made_.back(), value.at(item.key()).pointer}));
      shapes.push_back(std::move(other));
    }
    return shapes;
  } else if (keyword == "contains") {
    // Found too rarely, or too often.
    const Shape::Contains asked = read_contains(schema);
    shape.types = Shape::kArray;
    if (asked.most) {
      shape.contains = {{asked.schema, *asked.most + 1, std::nullopt, true}};
      shapes.push_back(shape);
    }
    if (asked.least == 0) return shapes;
    shape.contains = {{asked.schema, 0, asked.least - 1, true}};
  } else if (keyword == "not") {
    return shapes_of(value);
  } else if (keyword == "allOf") {
    for (const Schema& part : read_schema_list(value)) append(shapes, negate(part, depth + 1));
    return shapes;
  } else if (keyword == "anyOf") {
    shapes = {Shape{}};
    for (const Schema& part : read_schema_list(value)) {
      shapes = multiply(shapes, negate(part, depth + 1));
    }
    return shapes;
  } else if (keyword == "$ref" && value.json->is_string()) {
    return negate(document_.resolve(value.json->get<std::string>(), schema), depth + 1);
  } else if (keyword == "then" || keyword == "else") {
    if (!schema.json->contains("if")) return {};
    throw_unsupported_schema("\"not\" of \"if\"", value.pointer);
  } else if (keyword == "if") {
    return {};  // alone it says nothing; with then or else that is refused there
  } else {
    throw_unsupported_schema("\"not\" of " + in_quotes(keyword), value.pointer);
  }
  if (shape.types != 0) shapes.push_back(std::move(shape));
  return shapes;
}

Schema ShapeMaker::opposite(const Schema& schema) {
  return {&made_.emplace_back(OrderedJson{{"not", *schema.json}}), schema.pointer};
}

std::optional<std::vector<const OrderedJson*>> ShapeMaker::listed_values(
    const Conjunction& schemas) {
  std::vector<const OrderedJson*> values;
  for (const Shape& shape : expand(schemas)) {
    if (!shape.values) return std::nullopt;
    for (const OrderedJson* value : *shape.values) {
      const bool known = std::any_of(values.begin(), values.end(), [&](const OrderedJson* other) {
        return json_equal(*value, *other);
      });
      if (!known && accepts(shape, *value)) values.push_back(value);
    }
  }
  return values;
}

Conjunction ShapeMaker::item(const Shape& shape, std::size_t index) {
  Conjunction schemas;
  for (const Shape::ArrayPart& part : shape.arrays) {
    if (index < part.prefix.size()) {
      schemas.push_back(part.prefix[index]);
    } else if (part.rest) {
      schemas.push_back(*part.rest);
    }
  }
  return schemas;
}

Conjunction ShapeMaker::property(const Shape& shape, const std::string& name) const {
  Conjunction schemas;
  for (const Shape::ObjectPart& part : shape.objects) {
    bool named = false;
    for (const auto& [property, schema] : part.properties) {
      if (property != name) continue;
      schemas.push_back(schema);
      named = true;
    }
    for (const auto& [pattern, schema] : part.patterns) {
      if (!pattern_matches(pattern, name)) continue;
      schemas.push_back(schema);
      named = true;
    }
    if (!named && part.additional) schemas.push_back(*part.additional);
  }
  return schemas;
}

}  // namespace jielong
