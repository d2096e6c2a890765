#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace jielong {

using Json = nlohmann::json;

/// Parses UTF-8 JSON text. Throws Error(bad_input) that names `where` and the byte,
/// also when values nest deeper than `max_depth`.
Json parse_json(std::string_view text, const std::string& where, std::size_t max_depth = 128);

}  // namespace jielong
