#pragma once

#include <span>
#include <string_view>
#include <utility>

#include "model/template/value.h"

namespace jielong::jinja {

using NamedFilter = std::pair<std::string_view, Filter>;

/// Filters over text and numbers, and over sequences; find_filter looks in both.
std::span<const NamedFilter> text_filters();
std::span<const NamedFilter> sequence_filters();

/// An optional whole or true-or-false argument of a filter.
std::int64_t whole_or(const Value* value, std::int64_t otherwise);
bool truth_or(const Value* value, bool otherwise);

}  // namespace jielong::jinja
