#pragma once

#include <functional>
#include <string_view>

#include "generate/constraint/expression.h"

namespace jielong {

/// How a regular expression is read.
enum class RegexMatch {
  whole,  ///< the whole text must match; ^ and $ at the ends say nothing new
  search  ///< it may match anywhere in the text unless ^ or $ bind it, as in JSON Schema
};

/// Makes the expression for one character of a set; JSON strings write some with an escape.
using CharWriter = std::function<ExprId(const CharSet&)>;

/// Reads a regular expression into `pool`: the subset that every dialect understands alike and
/// that describes a regular language. Throws Error(bad_input) with the offset, Error(unsupported)
/// for look-around, back-references and others by name, Error(limit).
ExprId parse_regex(ExprPool& pool, std::string_view pattern, RegexMatch match,
                   const CharWriter& writer);

}  // namespace jielong
