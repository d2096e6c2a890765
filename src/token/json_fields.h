#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/json.h"

namespace jielong {

/// Typed access to JSON fields; every failure is an Error(bad_input) that names the field.
namespace json_fields {

/// The member `key`, or nullptr when it is absent or null.
const Json* find(const Json& object, const char* key);
const Json& require(const Json& object, const char* key, const std::string& where);
const std::string& string(const Json& object, const char* key, const std::string& where);
std::optional<std::string> optional_string(const Json& object, const char* key,
                                           const std::string& where);
bool boolean(const Json& object, const char* key, bool fallback, const std::string& where);
/// An integer in [0, limit).
std::size_t integer(const Json& value, std::size_t limit, const std::string& where);
const Json& array(const Json& object, const char* key, const std::string& where);
/// The member "type", which every component has.
const std::string& type(const Json& object, const std::string& where);

}  // namespace json_fields
}  // namespace jielong
