#include "model/config_fields.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace jielong {

bool ConfigFields::has(const char* name) const {
  const auto it = object_.find(name);
  return it != object_.end() && !it->is_null();
}

bool ConfigFields::is_number(const char* name) const {
  return has(name) && object_.at(name).is_number();
}

std::int64_t ConfigFields::count(const char* name, std::int64_t fallback) const {
  if (!has(name)) return fallback;
  const Json& value = object_.at(name);
  if (!value.is_number_integer()) fail(name, "must be a whole number");
  return value.get<std::int64_t>();
}

std::int64_t ConfigFields::count(std::initializer_list<const char*> names,
                                 std::int64_t fallback) const {
  for (const char* name : names) {
    if (has(name)) return count(name, fallback);
  }
  return fallback;
}

float ConfigFields::number(const char* name, float fallback) const {
  if (!has(name)) return fallback;
  const Json& value = object_.at(name);
  if (!value.is_number()) fail(name, "must be a number");
  return value.get<float>();
}

bool ConfigFields::flag(const char* name, bool fallback) const {
  if (!has(name)) return fallback;
  const Json& value = object_.at(name);
  if (!value.is_boolean()) fail(name, "must be true or false");
  return value.get<bool>();
}

std::string ConfigFields::text(const char* name, const std::string& fallback) const {
  if (!has(name)) return fallback;
  const Json& value = object_.at(name);
  if (!value.is_string()) fail(name, "must be a text");
  return value.get<std::string>();
}

std::vector<float> ConfigFields::numbers(const char* name) const {
  std::vector<float> result;
  if (!has(name)) return result;
  const Json& list = object_.at(name);
  if (!list.is_array()) fail(name, "must be a list of numbers");
  for (const Json& value : list) {
    if (!value.is_number()) fail(name, "must be a list of numbers");
    result.push_back(value.get<float>());
  }
  return result;
}

const Json* ConfigFields::object(const char* name) const {
  if (!has(name)) return nullptr;
  if (!object_.at(name).is_object()) fail(name, "must be an object");
  return &object_.at(name);
}

void ConfigFields::fail(const char* name, const char* what) {
  throw bad_input(fmt::format("\"{}\" {}", name, what), "config.json", "check the model's files");
}

}  // namespace jielong
