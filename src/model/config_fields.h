#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "base/json.h"

namespace jielong {

/// Typed look-ups in config.json that treat null as absent. Throws Error(bad_input) naming the
/// field when it is of another type.
class ConfigFields {
 public:
  /// @param object  a JSON object, which must outlive this
  explicit ConfigFields(const Json& object) : object_(object) {}

  bool has(const char* name) const;
  /// Whether it is there and a number: some fields may be "auto".
  bool is_number(const char* name) const;
  std::int64_t count(const char* name, std::int64_t fallback) const;
  /// The first of several spellings that is there.
  std::int64_t count(std::initializer_list<const char*> names, std::int64_t fallback) const;
  float number(const char* name, float fallback) const;
  bool flag(const char* name, bool fallback) const;
  std::string text(const char* name, const std::string& fallback) const;
  std::vector<float> numbers(const char* name) const;
  /// An object inside, or nothing.
  const Json* object(const char* name) const;
  const Json& json() const { return object_; }

  [[noreturn]] static void fail(const char* name, const char* what);

 private:
  const Json& object_;
};

}  // namespace jielong
