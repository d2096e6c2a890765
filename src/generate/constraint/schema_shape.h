#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "generate/constraint/char_automaton.h"
#include "generate/constraint/decimal.h"
#include "generate/constraint/limits.h"
#include "generate/constraint/schema_document.h"

namespace jielong {

/// Schemas that all hold for the same value.
using Conjunction = std::vector<Schema>;

/// What one schema without in-place applicators says about a value, or several of them at once.
struct Shape {
  enum Type : unsigned {
    kNull = 1,
    kBoolean = 2,
    kInteger = 4,   ///< numbers without a fraction
    kFraction = 8,  ///< the other numbers
    kString = 16,
    kArray = 32,
    kObject = 64,
    kAll = 127
  };
  unsigned types = kAll;
  /// enum and const: one of these. And none of those.
  std::optional<std::vector<const OrderedJson*>> values;
  std::vector<const OrderedJson*> excluded;

  struct Bound {
    Decimal value;
    bool exclusive = false;
  };
  std::optional<Bound> lower, upper;
  std::vector<Decimal> multiples;

  std::size_t min_length = 0;
  std::optional<std::size_t> max_length;
  std::set<std::string> patterns, other_than_patterns, formats;

  struct ArrayPart {
    const OrderedJson* source = nullptr;  ///< the schema that says it
    bool negated = false;                 ///< one that does not hold: it evaluates no item
    std::vector<Schema> prefix;
    std::optional<Schema> rest;
  };
  std::vector<ArrayPart> arrays;
  struct Contains {
    Schema schema;
    std::size_t least = 1;
    std::optional<std::size_t> most;
    bool negated = false;  ///< as in ArrayPart
  };
  std::vector<Contains> contains;
  std::size_t min_items = 0;
  std::optional<std::size_t> max_items;
  std::string unique_items;  ///< pointer to a keyword that asks for it

  struct ObjectPart {
    const OrderedJson* source = nullptr;
    bool negated = false;  ///< from a schema that does not hold: it evaluates no property
    std::vector<std::pair<std::string, Schema>> properties;
    std::vector<std::pair<std::string, Schema>> patterns;
    std::optional<Schema> additional;
  };
  std::vector<ObjectPart> objects;
  std::vector<std::string> required;  ///< in the order they were met
  std::size_t min_properties = 0;
  std::optional<std::size_t> max_properties;
  std::vector<Schema> names;  ///< of propertyNames

  std::string pointer;  ///< the first schema it came from
};

/// The schemas `true` and `false`.
const OrderedJson& everything_schema();
const OrderedJson& nothing_schema();

/// JSON's equality: numbers by value, objects whatever their order.
bool json_equal(const OrderedJson& a, const OrderedJson& b);

/// Multiplies schemas out into shapes, and answers questions about them.
class ShapeMaker {
 public:
  ShapeMaker(const SchemaDocument& document, const GrammarLimits& limits);

  /// The shapes of which a value has one exactly when every schema accepts it; no shapes: none
  /// does. Throws Error(bad_input | unsupported | limit).
  std::vector<Shape> expand(const Conjunction& schemas);

  /// Both at once; none when they contradict each other openly.
  std::optional<Shape> merge(const Shape& a, const Shape& b) const;
  /// The schemas that hold for the value of a property, and whether one forbids it.
  Conjunction property(const Shape& shape, const std::string& name) const;
  /// The schemas that hold for the item at `index`.
  static Conjunction item(const Shape& shape, std::size_t index);

  /// The schema of what `schema` does not accept.
  Schema opposite(const Schema& schema);
  /// All values for which the schemas hold, each once, if they list them.
  std::optional<std::vector<const OrderedJson*>> listed_values(const Conjunction& schemas);

  bool accepts(const Conjunction& schemas, const OrderedJson& value);
  bool accepts(const Shape& shape, const OrderedJson& value);
  /// Whether it is certain that no value has the shape; looks `depth` levels into arrays and
  /// objects.
  bool provably_empty(const Shape& shape, int depth = 3);
  /// Whether a JSON Schema pattern matches somewhere in `text`.
  bool pattern_matches(const std::string& pattern, const std::string& text) const;

 private:
  std::vector<Shape> shapes_of(const Schema& schema);
  std::vector<Shape> expand_applicators(const Schema& schema);
  std::vector<Shape> multiply(const std::vector<Shape>& a, const std::vector<Shape>& b) const;
  std::vector<Shape> one_of(const std::vector<Shape>& base, const Schema& list);
  std::vector<Shape> opposites(const Schema& schema);
  std::vector<Shape> negate(const Schema& schema, int depth = 0);
  std::vector<Shape> negate_keyword(const Schema& schema, const std::string& keyword, int depth);
  std::vector<Shape> conditional(const Schema& schema);
  void add_unevaluated(std::vector<Shape>& shapes, const Schema& schema);
  std::vector<Shape> dependent(const Schema& schema, const std::string& keyword);
  bool nothing_fits(const Conjunction& schemas, int depth);
  bool impossible_array(const Shape& shape, int depth);
  bool impossible_object(const Shape& shape, int depth);

  const SchemaDocument& document_;
  const GrammarLimits& limits_;
  std::map<const OrderedJson*, std::vector<Shape>> known_;
  std::set<const OrderedJson*> active_;
  std::deque<OrderedJson> made_;  // schemas that are not in the document
  mutable std::map<std::string, std::shared_ptr<const CharAutomaton>> patterns_;
};

}  // namespace jielong
