#pragma once

#include "generate/constraint/char_automaton.h"
#include "generate/constraint/schema_shape.h"

namespace jielong {

/// Whether the shape's numbers need number_automaton(); without bounds JsonWriter's do.
bool has_number_rules(const Shape& shape);

/// The numbers of a shape, written without an exponent and without −0; `fractions`: also those
/// with a decimal point. Throws Error(unsupported | limit).
CharAutomaton number_automaton(const Shape& shape, bool fractions, const GrammarLimits& limits);

}  // namespace jielong
