#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace jielong {

using Json = nlohmann::json;
/// Keeps an object's keys in the order they were written.
using OrderedJson = nlohmann::ordered_json;

/// Parses UTF-8 JSON text. Throws Error(bad_input) that names `where` and the byte,
/// also when values nest deeper than `max_depth`.
Json parse_json(std::string_view text, const std::string& where, std::size_t max_depth = 128);

/// The same for text whose order of keys matters. Objects may have at most 4096 keys,
/// because looking one up takes time linear in their number.
OrderedJson parse_ordered_json(std::string_view text, const std::string& where,
                               std::size_t max_depth = 128);

/// JSON text on one line. Strings that are not UTF-8, such as file names, are written with U+FFFD
/// in place of what is malformed.
std::string dump(const OrderedJson& json);

}  // namespace jielong
