#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/metadata.h"

namespace jielong {

/// Metadata on their way into a GGUF file, kept encoded and in the order they were set.
/// Setting a key again replaces its value in place.
class MetadataBuilder {
 public:
  void set(std::string_view key, bool value);
  void set(std::string_view key, std::uint16_t value);
  void set(std::string_view key, std::int32_t value);
  void set(std::string_view key, std::uint32_t value);
  void set(std::string_view key, std::int64_t value);
  void set(std::string_view key, std::uint64_t value);
  void set(std::string_view key, float value);
  void set(std::string_view key, std::string_view value);
  void set(std::string_view key, const char* value) { set(key, std::string_view(value)); }
  void set(std::string_view key, std::span<const std::string_view> values);
  void set(std::string_view key, std::span<const std::string> values);
  void set(std::string_view key, std::span<const float> values);
  void set(std::string_view key, std::span<const std::int32_t> values);
  void set(std::string_view key, std::span<const std::uint8_t> values);
  void set_flags(std::string_view key, const std::vector<bool>& values);
  /// Copies a value as it is.
  void set(const MetaValue& value);

  void remove(std::string_view key);
  bool contains(std::string_view key) const;
  std::size_t size() const { return entries_.size(); }

  /// All entries as a GGUF file holds them.
  std::string encode() const;

 private:
  struct Entry {
    std::string key;
    std::string value;  ///< type and payload
  };
  std::string& slot(std::string_view key);

  std::vector<Entry> entries_;
};

}  // namespace jielong
