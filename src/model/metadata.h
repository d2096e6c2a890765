#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace jielong {

/// Types of GGUF metadata values, numbered as in the file.
enum class MetaType : std::uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64
};

std::string_view name(MetaType type);

/// One metadata value, a checked view of its bytes in the mapped file.
class MetaValue {
 public:
  MetaValue(std::string_view key, MetaType type, std::uint64_t count, bool array,
            std::span<const std::byte> bytes)
      : key_(key), bytes_(bytes), count_(count), type_(type), array_(array) {}

  std::string_view key() const { return key_; }
  bool is_array() const { return array_; }
  /// The value's type, or that of an array's elements.
  MetaType type() const { return type_; }
  /// Elements of an array; 1 otherwise.
  std::uint64_t size() const { return count_; }
  /// The value as encoded in GGUF, without the array's type and count.
  std::span<const std::byte> bytes() const { return bytes_; }

  /// The value as T: bool, std::int32_t, std::uint32_t, std::int64_t, std::uint64_t, float,
  /// double, std::string, std::string_view (into the file), or a std::vector of
  /// std::string_view, std::int32_t, std::uint32_t, std::int64_t, float, bool (as
  /// std::uint8_t). Integers of any stored width are accepted where the value fits, numbers
  /// of any kind as float or double; everything else throws Error(bad_input) naming the key.
  template <typename T>
  T as() const;

  /// Short readable form for `show`: strings cut, arrays as first elements and count.
  std::string summary(std::size_t max_length = 60) const;

 private:
  std::string_view key_;
  std::span<const std::byte> bytes_;
  std::uint64_t count_;
  MetaType type_;
  bool array_;
};

/// The typed key-value pairs of a GGUF file, in file order. Views the mapped file.
class Metadata {
 public:
  Metadata() = default;

  std::span<const MetaValue> values() const { return values_; }
  const MetaValue* find(std::string_view key) const;
  bool contains(std::string_view key) const { return find(key) != nullptr; }

  /// The value as T; see MetaValue::as. Throws Error that names file and key when it is
  /// missing or of another type.
  template <typename T>
  T require(std::string_view key) const {
    const MetaValue* value = find(key);
    if (value == nullptr) throw_missing(key);
    return convert<T>(*value);
  }

  /// As require(), with `fallback` for a missing key only.
  template <typename T>
  T get_or(std::string_view key, T fallback) const {
    const MetaValue* value = find(key);
    return value == nullptr ? fallback : convert<T>(*value);
  }

  template <typename T>
  std::optional<T> get(std::string_view key) const {
    const MetaValue* value = find(key);
    if (value == nullptr) return std::nullopt;
    return convert<T>(*value);
  }

  /// Throws Error(bad_input) when the key is there already.
  void add(const MetaValue& value);
  void set_source(std::filesystem::path source) { source_ = std::move(source); }

 private:
  template <typename T>
  T convert(const MetaValue& value) const;
  [[noreturn]] void throw_missing(std::string_view key) const;

  std::filesystem::path source_;
  std::vector<MetaValue> values_;
  std::unordered_map<std::string_view, std::size_t> by_key_;
};

}  // namespace jielong
