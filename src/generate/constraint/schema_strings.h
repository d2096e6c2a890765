#pragma once

#include <optional>
#include <string_view>

#include "generate/constraint/char_automaton.h"
#include "generate/constraint/schema_shape.h"

namespace jielong {

/// A regular expression for the whole of a string in a JSON Schema format: "date", "time",
/// "date-time", "duration", "uuid", "email", "hostname", "ipv4", "ipv6", "uri". None for other
/// formats, which are annotations.
std::optional<std::string_view> format_pattern(std::string_view format);

/// The strings that fit a JSON Schema pattern.
CharAutomaton pattern_automaton(std::string_view pattern, RegexMatch match,
                                const GrammarLimits& limits);

/// The strings of a shape. Throws Error(bad_input | unsupported | limit).
CharAutomaton string_automaton(const Shape& shape, const GrammarLimits& limits);

}  // namespace jielong
