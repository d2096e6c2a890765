#pragma once

#include <vector>

#include "generate/constraint/json_writer.h"
#include "generate/constraint/schema_shape.h"
#include "generate/constraint/value_rules.h"

namespace jielong {

/// Writes the arrays of a shape. Where items must differ from each other they come in the order
/// in which the schema lists them, which is only possible when it does.
class ArrayWriter {
 public:
  ArrayWriter(ExprPool& pool, JsonWriter& writer, ShapeMaker& shapes, ValueRules& rules);
  ExprId write(const Shape& shape);

 private:
  /// How items are to be found: so many of them, or at most so many, with a schema.
  struct Search {
    const Shape::Contains* asked = nullptr;
    Schema other;  // of items that do not count, where they are counted exactly
  };
  Search search_of(const Shape& shape);
  ExprId write_set(const Shape& shape);
  ExprId in_brackets(ExprGraph graph);

  ExprPool& pool_;
  JsonWriter& writer_;
  ShapeMaker& shapes_;
  ValueRules& rules_;
};

}  // namespace jielong
