#pragma once

#include "generate/constraint/expression.h"
#include "generate/constraint/schema_shape.h"

namespace jielong {

/// Gives the rule of a value for which all of some schemas hold.
class ValueRules {
 public:
  virtual ~ValueRules() = default;
  virtual ExprId value(Conjunction schemas) = 0;
};

}  // namespace jielong
