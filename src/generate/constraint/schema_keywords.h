#pragma once

#include <string>
#include <vector>

#include "generate/constraint/schema_shape.h"

namespace jielong {

/// Reads the keywords that speak about a value itself or its parts into a shape: all but those
/// that combine schemas in place. Annotations and unknown keywords say nothing. Throws
/// Error(bad_input) for values a keyword cannot have, Error(unsupported) for keywords that are
/// not compiled.
Shape read_keywords(const Schema& schema, bool is_root);

/// Whether a keyword says something about which values are valid.
bool is_assertion(const std::string& keyword);

/// Throws Error(bad_input) unless it is an object, true or false.
void check_schema(const Schema& schema);

/// The bits of Shape::Type of `type`, a name or a list of names.
unsigned read_types(const Schema& type);
/// A list of schemas, not empty.
std::vector<Schema> read_schema_list(const Schema& list);
/// A count: a whole number, not negative.
std::size_t read_count(const Schema& count);
Decimal read_number(const Schema& number);
std::vector<std::string> read_names(const Schema& list);
/// `contains` with its minContains and maxContains.
Shape::Contains read_contains(const Schema& schema);

}  // namespace jielong
