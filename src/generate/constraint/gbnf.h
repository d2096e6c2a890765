#pragma once

#include <string_view>

#include "generate/constraint/expression.h"

namespace jielong {

/// Reads llama.cpp's GBNF into `pool` and returns the rule `root`. Throws Error(bad_input) with
/// line and column, Error(unsupported) for references to single tokens, Error(limit).
ExprId parse_gbnf(ExprPool& pool, std::string_view text);

}  // namespace jielong
