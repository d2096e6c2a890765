#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "generate/constraint/expression.h"
#include "generate/constraint/grammar.h"
#include "generate/constraint/regex_parser.h"

namespace jielong {

/// Writes JSON values as expressions: what every schema is made of, each rule once a grammar.
///
/// Numbers have at most 18 digits before and 17 behind the point and 2 in the exponent, so that
/// every reader takes them and no model writes 0.333… without end.
class JsonWriter {
 public:
  JsonWriter(ExprPool& pool, JsonSpacing spacing);

  /// What may stand between two things: after { [ : and comma, before } and ].
  ExprId space();
  ExprId any_value();
  ExprId any_object();
  ExprId any_array();
  ExprId any_string();
  ExprId any_number();
  ExprId any_integer();

  /// A character of a string, in every spelling when it may be any, else in one spelling: the
  /// short escape, \u00.. for other control characters, otherwise itself.
  ExprId character(const CharSet& set);
  /// The same, always in one spelling.
  ExprId plain_character(const CharSet& set);
  /// "…" around what stands in the string.
  ExprId quoted(ExprId inside);
  /// This string in its one spelling, with quotes.
  ExprId string(std::string_view text);
  /// This value, with spaces where they may be.
  ExprId value(const OrderedJson& value);
  /// "name": value
  ExprId member(ExprId name, ExprId value);

  /// { … } or [ … ] around an expression that is not empty, and the empty one.
  ExprId enclosed(char open, ExprId inside, char close);
  ExprId empty_pair(char open, char close);
  /// A comma and a space.
  ExprId comma();

 private:
  ExprId list(char open, ExprId item, char close);

  ExprPool& pool_;
  JsonSpacing spacing_;
  std::optional<ExprId> space_, comma_, value_, object_, array_, string_, number_, integer_,
      character_;
};

}  // namespace jielong
