#include "generate/constraint/schema_keywords.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.h"
#include "base/quote.h"

namespace jielong {
namespace {

const std::string& read_string(const Schema& text) {
  if (!text.json->is_string()) throw_bad_schema("must be a string", text.pointer);
  return text.json->get_ref<const std::string&>();
}

std::vector<std::pair<std::string, Schema>> read_schema_map(const Schema& map) {
  if (!map.json->is_object()) throw_bad_schema("must be an object of schemas", map.pointer);
  std::vector<std::pair<std::string, Schema>> out;
  for (auto item = map.json->begin(); item != map.json->end(); ++item) {
    out.emplace_back(item.key(), map.at(item.key()));
    check_schema(out.back().second);
  }
  return out;
}

void tighten_lower(Shape& shape, const Shape::Bound& bound) {
  if (shape.lower) {
    const int order = compare(bound.value, shape.lower->value);
    if (order < 0 || (order == 0 && !bound.exclusive)) return;
  }
  shape.lower = bound;
}

void tighten_upper(Shape& shape, const Shape::Bound& bound) {
  if (shape.upper) {
    const int order = compare(bound.value, shape.upper->value);
    if (order > 0 || (order == 0 && !bound.exclusive)) return;
  }
  shape.upper = bound;
}

Shape::ArrayPart& array_part(Shape& shape, const Schema& source) {
  if (shape.arrays.empty()) shape.arrays.emplace_back().source = source.json;
  return shape.arrays.back();
}

Shape::ObjectPart& object_part(Shape& shape, const Schema& source) {
  if (shape.objects.empty()) shape.objects.emplace_back().source = source.json;
  return shape.objects.back();
}

/// Keywords that are known and not compiled, unless their value says nothing.
bool is_harmless(const std::string& keyword, const OrderedJson& value) {
  if (keyword == "dependencies") return value.is_object() && value.empty();
  return false;
}

constexpr std::array kRefused = {"dependencies", "$dynamicRef", "$recursiveRef"};
constexpr std::array kRead = {"type",
                              "enum",
                              "const",
                              "minimum",
                              "maximum",
                              "exclusiveMinimum",
                              "exclusiveMaximum",
                              "multipleOf",
                              "minLength",
                              "maxLength",
                              "pattern",
                              "format",
                              "prefixItems",
                              "items",
                              "minItems",
                              "maxItems",
                              "uniqueItems",
                              "contains",
                              "properties",
                              "patternProperties",
                              "additionalProperties",
                              "required",
                              "minProperties",
                              "maxProperties",
                              "propertyNames"};
constexpr std::array kCombine = {"$ref",
                                 "allOf",
                                 "anyOf",
                                 "oneOf",
                                 "not",
                                 "if",
                                 "then",
                                 "else",
                                 "dependentSchemas",
                                 "dependentRequired",
                                 "unevaluatedItems",
                                 "unevaluatedProperties"};

template <std::size_t N>
bool is_among(const std::array<const char*, N>& names, const std::string& keyword) {
  return std::find(names.begin(), names.end(), keyword) != names.end();
}

void read_keyword(Shape& shape, const Schema& schema, const std::string& keyword) {
  const Schema value = schema.at(keyword);
  if (keyword == "type") {
    shape.types &= read_types(value);
  } else if (keyword == "enum") {
    if (!value.json->is_array()) throw_bad_schema("must be a list", value.pointer);
    shape.values.emplace();
    for (const OrderedJson& item : *value.json) shape.values->push_back(&item);
  } else if (keyword == "minimum") {
    tighten_lower(shape, {read_number(value), false});
  } else if (keyword == "maximum") {
    tighten_upper(shape, {read_number(value), false});
  } else if (keyword == "exclusiveMinimum") {
    tighten_lower(shape, {read_number(value), true});
  } else if (keyword == "exclusiveMaximum") {
    tighten_upper(shape, {read_number(value), true});
  } else if (keyword == "multipleOf") {
    const Decimal step = read_number(value);
    if (step.negative || step.is_zero()) throw_bad_schema("must be above 0", value.pointer);
    shape.multiples.push_back(step);
  } else if (keyword == "minLength") {
    shape.min_length = read_count(value);
  } else if (keyword == "maxLength") {
    shape.max_length = read_count(value);
  } else if (keyword == "pattern") {
    shape.patterns.insert(read_string(value));
  } else if (keyword == "format") {
    shape.formats.insert(read_string(value));
  } else if (keyword == "prefixItems") {
    array_part(shape, schema).prefix = read_schema_list(value);
  } else if (keyword == "items") {
    if (value.json->is_array()) {
      throw_unsupported_schema("\"items\" as a list is of older drafts", value.pointer,
                               "write prefixItems");
    }
    check_schema(value);
    array_part(shape, schema).rest = value;
  } else if (keyword == "minItems") {
    shape.min_items = read_count(value);
  } else if (keyword == "maxItems") {
    shape.max_items = read_count(value);
  } else if (keyword == "uniqueItems") {
    if (!value.json->is_boolean()) throw_bad_schema("must be true or false", value.pointer);
    if (value.json->get<bool>()) shape.unique_items = value.pointer;
  } else if (keyword == "contains") {
    shape.contains.push_back(read_contains(schema));
  } else if (keyword == "properties") {
    object_part(shape, schema).properties = read_schema_map(value);
  } else if (keyword == "patternProperties") {
    object_part(shape, schema).patterns = read_schema_map(value);
  } else if (keyword == "additionalProperties") {
    check_schema(value);
    object_part(shape, schema).additional = value;
  } else if (keyword == "required") {
    shape.required = read_names(value);
  } else if (keyword == "minProperties") {
    shape.min_properties = read_count(value);
  } else if (keyword == "maxProperties") {
    shape.max_properties = read_count(value);
  } else if (keyword == "propertyNames") {
    check_schema(value);
    shape.names.push_back(value);
  }
}

}  // namespace

void check_schema(const Schema& schema) {
  if (schema.json->is_boolean() || schema.json->is_object()) return;
  throw_bad_schema("a schema is an object, true or false", schema.pointer);
}

bool is_assertion(const std::string& keyword) {
  return is_among(kRead, keyword) || is_among(kCombine, keyword) || is_among(kRefused, keyword);
}

unsigned read_types(const Schema& type) {
  const auto one = [&](const OrderedJson& name) -> unsigned {
    const std::string text = name.is_string() ? name.get<std::string>() : std::string();
    if (text == "null") return Shape::kNull;
    if (text == "boolean") return Shape::kBoolean;
    if (text == "integer") return Shape::kInteger;
    if (text == "number") return Shape::kInteger | Shape::kFraction;
    if (text == "string") return Shape::kString;
    if (text == "array") return Shape::kArray;
    if (text == "object") return Shape::kObject;
    throw_bad_schema("there is no type " + in_quotes(name.dump()), type.pointer);
  };
  if (!type.json->is_array()) return one(*type.json);
  unsigned types = 0;
  for (const OrderedJson& name : *type.json) types |= one(name);
  return types;
}

std::vector<Schema> read_schema_list(const Schema& list) {
  if (!list.json->is_array() || list.json->empty()) {
    throw_bad_schema("must be a list of schemas, not empty", list.pointer);
  }
  std::vector<Schema> out;
  for (std::size_t i = 0; i < list.json->size(); ++i) {
    out.push_back(list.at(i));
    check_schema(out.back());
  }
  return out;
}

std::size_t read_count(const Schema& count) {
  const double value = count.json->is_number() ? count.json->get<double>() : -1;
  if (value < 0 || value != std::floor(value)) {
    throw_bad_schema("must be a whole number, 0 or more", count.pointer);
  }
  return value > 1e15 ? std::size_t{1'000'000'000'000'000} : static_cast<std::size_t>(value);
}

Decimal read_number(const Schema& number) {
  if (!number.json->is_number()) throw_bad_schema("must be a number", number.pointer);
  const auto value = Decimal::of(*number.json);
  if (!value) throw_unsupported_schema("a number of more than 100 digits", number.pointer);
  return *value;
}

std::vector<std::string> read_names(const Schema& list) {
  if (!list.json->is_array()) throw_bad_schema("must be a list of names", list.pointer);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < list.json->size(); ++i) {
    const std::string& name = read_string(list.at(i));
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

Shape::Contains read_contains(const Schema& schema) {
  Shape::Contains contains;
  contains.schema = schema.at("contains");
  check_schema(contains.schema);
  if (schema.json->contains("minContains")) contains.least = read_count(schema.at("minContains"));
  if (schema.json->contains("maxContains")) contains.most = read_count(schema.at("maxContains"));
  return contains;
}

Shape read_keywords(const Schema& schema, bool is_root) {
  check_schema(schema);
  Shape shape;
  shape.pointer = schema.pointer;
  if (schema.json->is_boolean()) {
    if (!schema.json->get<bool>()) shape.types = 0;
    return shape;
  }
  if (!is_root && schema.json->contains("$id")) {
    throw_unsupported_schema("a $id inside the document", schema.pointer + "/$id", "leave it out");
  }
  for (auto item = schema.json->begin(); item != schema.json->end(); ++item) {
    if (is_among(kRefused, item.key()) && !is_harmless(item.key(), *item)) {
      throw_unsupported_schema(in_quotes(item.key()) + " is not supported",
                               schema.pointer + "/" + item.key());
    }
    read_keyword(shape, schema, item.key());
  }
  if (schema.json->contains("const")) {
    const OrderedJson& only = (*schema.json)["const"];
    std::vector<const OrderedJson*> values;
    if (!shape.values ||
        std::any_of(shape.values->begin(), shape.values->end(),
                    [&](const OrderedJson* value) { return json_equal(*value, only); })) {
      values.push_back(&only);
    }
    shape.values = values;
  }
  return shape;
}

}  // namespace jielong
