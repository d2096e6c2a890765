#include "token/json_fields.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace jielong::json_fields {
namespace {

std::string place(const std::string& where, const char* key) {
  return fmt::format("{}.{}", where, key);
}

}  // namespace

const Json* find(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto at = object.find(key);
  return at == object.end() || at->is_null() ? nullptr : &*at;
}

const Json& require(const Json& object, const char* key, const std::string& where) {
  const Json* value = find(object, key);
  if (!value) throw bad_input("is missing", place(where, key));
  return *value;
}

const std::string& string(const Json& object, const char* key, const std::string& where) {
  const Json& value = require(object, key, where);
  if (!value.is_string()) throw bad_input("is not a string", place(where, key));
  return value.get_ref<const std::string&>();
}

std::optional<std::string> optional_string(const Json& object, const char* key,
                                           const std::string& where) {
  if (!find(object, key)) return std::nullopt;
  return string(object, key, where);
}

bool boolean(const Json& object, const char* key, bool fallback, const std::string& where) {
  const Json* value = find(object, key);
  if (!value) return fallback;
  if (!value->is_boolean()) throw bad_input("is neither true nor false", place(where, key));
  return value->get<bool>();
}

std::size_t integer(const Json& value, std::size_t limit, const std::string& where) {
  if (!value.is_number_unsigned()) throw bad_input("is not an integer from 0 up", where);
  const auto number = value.get<std::uint64_t>();
  if (number >= limit) {
    throw Error(ErrorKind::limit, fmt::format("{} is not below {}", number, limit), where);
  }
  return static_cast<std::size_t>(number);
}

const Json& array(const Json& object, const char* key, const std::string& where) {
  const Json& value = require(object, key, where);
  if (!value.is_array()) throw bad_input("is not an array", place(where, key));
  return value;
}

const std::string& type(const Json& object, const std::string& where) {
  if (!object.is_object()) throw bad_input("is not an object", where);
  return string(object, "type", where);
}

}  // namespace jielong::json_fields
