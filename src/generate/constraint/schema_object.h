#pragma once

#include <string>
#include <vector>

#include "generate/constraint/char_automaton.h"
#include "generate/constraint/json_writer.h"
#include "generate/constraint/schema_shape.h"
#include "generate/constraint/value_rules.h"

namespace jielong {

/// Writes the objects of a shape: the named properties in the schema's order, optional ones
/// skippable, behind them others as far as the shape says something about them.
class ObjectWriter {
 public:
  ObjectWriter(ExprPool& pool, JsonWriter& writer, ShapeMaker& shapes, ValueRules& rules);
  ExprId write(const Shape& shape);

 private:
  struct Named {
    ExprId member;
    bool required;
  };
  std::vector<Named> named_members(const Shape& shape, std::vector<std::string>& names);
  std::vector<ExprId> other_members(const Shape& shape, const std::vector<std::string>& names);
  CharAutomaton free_names(const Shape& shape, const std::vector<std::string>& names);
  ExprId member_of(const CharAutomaton& names, ExprId value);
  ExprId join(const Shape& shape, const std::vector<Named>& named, ExprId other);

  ExprPool& pool_;
  JsonWriter& writer_;
  ShapeMaker& shapes_;
  ValueRules& rules_;
};

}  // namespace jielong
