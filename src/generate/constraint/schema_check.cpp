// What a shape says about values that are known: for enum, const and the proof that the branches
// of oneOf exclude each other.

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utf8.h"
#include "generate/constraint/schema_numbers.h"
#include "generate/constraint/schema_shape.h"
#include "generate/constraint/schema_strings.h"

namespace jielong {
namespace {

unsigned type_of(const OrderedJson& value) {
  if (value.is_null()) return Shape::kNull;
  if (value.is_boolean()) return Shape::kBoolean;
  if (value.is_string()) return Shape::kString;
  if (value.is_array()) return Shape::kArray;
  if (value.is_object()) return Shape::kObject;
  const auto number = Decimal::of(value);
  return !number || number->is_integer() ? Shape::kInteger : Shape::kFraction;
}

std::size_t length_of(std::string_view text) {
  std::size_t length = 0;
  for (; !text.empty(); ++length) text.remove_prefix(decode_utf8(text).length);
  return length;
}

bool fits_number(const Shape& shape, const OrderedJson& value) {
  const auto number = Decimal::of(value);
  if (!number) return !has_number_rules(shape);
  if (shape.lower) {
    const int order = compare(*number, shape.lower->value);
    if (order < 0 || (order == 0 && shape.lower->exclusive)) return false;
  }
  if (shape.upper) {
    const int order = compare(*number, shape.upper->value);
    if (order > 0 || (order == 0 && shape.upper->exclusive)) return false;
  }
  return std::all_of(shape.multiples.begin(), shape.multiples.end(), [&](const Decimal& step) {
    return is_multiple(*number, step).value_or(false);
  });
}

}  // namespace

bool ShapeMaker::pattern_matches(const std::string& pattern, const std::string& text) const {
  auto known = patterns_.find(pattern);
  if (known == patterns_.end()) {
    known = patterns_
                .emplace(pattern, std::make_shared<CharAutomaton>(
                                      pattern_automaton(pattern, RegexMatch::search, limits_)))
                .first;
  }
  return known->second->matches(text);
}

bool ShapeMaker::accepts(const Conjunction& schemas, const OrderedJson& value) {
  const std::vector<Shape> shapes = expand(schemas);
  return std::any_of(shapes.begin(), shapes.end(),
                     [&](const Shape& shape) { return accepts(shape, value); });
}

bool ShapeMaker::accepts(const Shape& shape, const OrderedJson& value) {
  const unsigned type = type_of(value);
  if ((shape.types & type) == 0) return false;
  const auto equals = [&](const OrderedJson* other) { return json_equal(*other, value); };
  if (shape.values && std::none_of(shape.values->begin(), shape.values->end(), equals)) {
    return false;
  }
  if (std::any_of(shape.excluded.begin(), shape.excluded.end(), equals)) return false;
  if (value.is_number()) return fits_number(shape, value);
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    const std::size_t length = length_of(text);
    if (length < shape.min_length || (shape.max_length && length > *shape.max_length)) return false;
    for (const std::string& pattern : shape.patterns) {
      if (!pattern_matches(pattern, text)) return false;
    }
    for (const std::string& pattern : shape.other_than_patterns) {
      if (pattern_matches(pattern, text)) return false;
    }
    for (const std::string& format : shape.formats) {
      const auto pattern = format_pattern(format);
      if (pattern && !pattern_automaton(*pattern, RegexMatch::whole, limits_).matches(text)) {
        return false;
      }
    }
  }
  if (value.is_array()) {
    if (value.size() < shape.min_items || (shape.max_items && value.size() > *shape.max_items)) {
      return false;
    }
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (!accepts(item(shape, i), value[i])) return false;
      for (std::size_t j = 0; j < i && !shape.unique_items.empty(); ++j) {
        if (json_equal(value[i], value[j])) return false;
      }
    }
  }
  for (const Shape::Contains& part : shape.contains) {
    if (!value.is_array()) break;
    const auto found = static_cast<std::size_t>(std::count_if(
        value.begin(), value.end(),
        [&](const OrderedJson& item) { return accepts(Conjunction{part.schema}, item); }));
    if (found < part.least || (part.most && found > *part.most)) return false;
  }
  if (value.is_object()) {
    if (value.size() < shape.min_properties ||
        (shape.max_properties && value.size() > *shape.max_properties)) {
      return false;
    }
    for (const std::string& name : shape.required) {
      if (!value.contains(name)) return false;
    }
    for (auto entry = value.begin(); entry != value.end(); ++entry) {
      if (!accepts(property(shape, entry.key()), *entry)) return false;
      if (!shape.names.empty() && !accepts(shape.names, OrderedJson(entry.key()))) return false;
    }
  }
  return true;
}

bool ShapeMaker::provably_empty(const Shape& shape, int depth) {
  if (shape.values) {
    return std::none_of(shape.values->begin(), shape.values->end(),
                        [&](const OrderedJson* value) { return accepts(shape, *value); });
  }
  unsigned types = shape.types;
  if ((types & (Shape::kInteger | Shape::kFraction)) != 0 && has_number_rules(shape)) {
    if ((types & Shape::kFraction) == 0) {
      if (number_automaton(shape, false, limits_).empty()) types &= ~unsigned{Shape::kInteger};
    } else if (shape.lower && shape.upper) {
      // Fractions are only written with so many digits; the proof must not depend on that.
      const int order = compare(shape.lower->value, shape.upper->value);
      if (order > 0 || (order == 0 && (shape.lower->exclusive || shape.upper->exclusive))) {
        types &= ~unsigned{Shape::kInteger | Shape::kFraction};
      }
    }
  }
  if ((types & Shape::kString) != 0) {
    const bool plain = shape.patterns.empty() && shape.other_than_patterns.empty();
    // What a format accepts is narrower here than elsewhere: it proves nothing.
    Shape without_formats;
    without_formats.min_length = shape.min_length;
    without_formats.max_length = shape.max_length;
    without_formats.patterns = shape.patterns;
    without_formats.other_than_patterns = shape.other_than_patterns;
    const bool lengths = shape.max_length && *shape.max_length < shape.min_length;
    if (lengths || (!plain && string_automaton(without_formats, limits_).empty())) {
      types &= ~unsigned{Shape::kString};
    }
  }
  if ((types & Shape::kArray) != 0 && impossible_array(shape, depth)) {
    types &= ~unsigned{Shape::kArray};
  }
  if ((types & Shape::kObject) != 0 && impossible_object(shape, depth)) {
    types &= ~unsigned{Shape::kObject};
  }
  return types == 0;
}

bool ShapeMaker::nothing_fits(const Conjunction& schemas, int depth) {
  try {
    const std::vector<Shape> shapes = expand(schemas);
    return std::all_of(shapes.begin(), shapes.end(),
                       [&](const Shape& shape) { return provably_empty(shape, depth); });
  } catch (const Error&) {
    // A schema that is being looked at already, or one that will be refused when its turn comes.
    return false;
  }
}

bool ShapeMaker::impossible_array(const Shape& shape, int depth) {
  if (shape.max_items && *shape.max_items < shape.min_items) return true;
  if (depth == 0) return false;
  constexpr std::size_t kLookedAt = 16;
  for (std::size_t i = 0; i < std::min(shape.min_items, kLookedAt); ++i) {
    if (nothing_fits(item(shape, i), depth - 1)) return true;
  }
  return false;
}

bool ShapeMaker::impossible_object(const Shape& shape, int depth) {
  if (shape.max_properties &&
      *shape.max_properties < std::max(shape.min_properties, shape.required.size())) {
    return true;
  }
  if (depth == 0) return false;
  for (const std::string& name : shape.required) {
    if (!shape.names.empty() && !accepts(shape.names, OrderedJson(name))) return true;
    if (nothing_fits(property(shape, name), depth - 1)) return true;
  }
  return false;
}

}  // namespace jielong
