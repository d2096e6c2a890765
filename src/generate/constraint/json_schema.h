#pragma once

#include <string_view>

#include "generate/constraint/expression.h"
#include "generate/constraint/grammar.h"

namespace jielong {

/// Writes the JSON texts that a schema accepts into `pool`, in the form that
/// docs/guide/constrained-output.md states. Throws Error(bad_input | unsupported | limit) with
/// the keyword and its JSON pointer.
ExprId compile_json_schema(ExprPool& pool, std::string_view schema, JsonSpacing spacing);

}  // namespace jielong
