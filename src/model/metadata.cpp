#include "model/metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/error.h"
#include "base/quote.h"
#include "base/utf8.h"

namespace jielong {
namespace {

std::string place(const MetaValue& value) {
  return fmt::format("metadata key {}", in_quotes(value.key()));
}

std::string describe(const MetaValue& value) {
  return value.is_array() ? fmt::format("an array of {} {}", value.size(), name(value.type()))
                          : fmt::format("of type {}", name(value.type()));
}

[[noreturn]] void throw_type(const MetaValue& value, std::string_view wanted) {
  throw bad_input(fmt::format("is {} where {} is expected", describe(value), wanted), place(value));
}

template <typename Stored>
Stored load(std::span<const std::byte> bytes, std::uint64_t index) {
  Stored value;
  std::memcpy(&value, bytes.data() + index * sizeof value, sizeof value);
  return value;
}

/// Calls visit(number) with element `index` in its stored type; false for strings.
template <typename Visit>
bool visit_number(const MetaValue& value, std::uint64_t index, const Visit& visit) {
  const auto bytes = value.bytes();
  switch (value.type()) {
    case MetaType::u8: visit(load<std::uint8_t>(bytes, index)); return true;
    case MetaType::i8: visit(load<std::int8_t>(bytes, index)); return true;
    case MetaType::u16: visit(load<std::uint16_t>(bytes, index)); return true;
    case MetaType::i16: visit(load<std::int16_t>(bytes, index)); return true;
    case MetaType::u32: visit(load<std::uint32_t>(bytes, index)); return true;
    case MetaType::i32: visit(load<std::int32_t>(bytes, index)); return true;
    case MetaType::u64: visit(load<std::uint64_t>(bytes, index)); return true;
    case MetaType::i64: visit(load<std::int64_t>(bytes, index)); return true;
    case MetaType::f32: visit(load<float>(bytes, index)); return true;
    case MetaType::f64: visit(load<double>(bytes, index)); return true;
    case MetaType::boolean: visit(load<std::uint8_t>(bytes, index) != 0); return true;
    case MetaType::string:
    case MetaType::array: break;
  }
  return false;
}

template <typename Number>
constexpr std::string_view wanted_name() {
  if constexpr (std::is_same_v<Number, bool>) return "true or false";
  if constexpr (std::is_floating_point_v<Number>) return "a number";
  if constexpr (std::is_unsigned_v<Number>) return "a non-negative integer";
  return "an integer";
}

template <typename Number>
Number number_at(const MetaValue& value, std::uint64_t index) {
  Number result{};
  const bool is_number = visit_number(value, index, [&](auto stored) {
    using Stored = decltype(stored);
    if constexpr (std::is_same_v<Number, bool> || std::is_same_v<Stored, bool>) {
      // Arrays of truth values are read as std::uint8_t.
      if constexpr (std::is_same_v<Stored, bool> &&
                    (std::is_same_v<Number, bool> || std::is_same_v<Number, std::uint8_t>)) {
        result = stored;
      } else {
        throw_type(value, wanted_name<Number>());
      }
    } else if constexpr (std::is_floating_point_v<Number>) {
      result = static_cast<Number>(stored);
    } else if constexpr (std::is_floating_point_v<Stored>) {
      throw_type(value, wanted_name<Number>());
    } else {
      if (!std::in_range<Number>(stored)) {
        throw bad_input(
            fmt::format("is {}, outside {}…{}", stored, std::numeric_limits<Number>::min(),
                        std::numeric_limits<Number>::max()),
            place(value));
      }
      result = static_cast<Number>(stored);
    }
  });
  if (!is_number) throw_type(value, wanted_name<Number>());
  return result;
}

template <typename Visit>
void for_each_string(const MetaValue& value, const Visit& visit) {
  const auto bytes = value.bytes();
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < value.size(); ++i) {
    std::uint64_t length;
    std::memcpy(&length, bytes.data() + at, sizeof length);
    at += sizeof length;
    if (!visit(std::string_view(reinterpret_cast<const char*>(bytes.data()) + at, length))) return;
    at += length;
  }
}

template <typename T>
constexpr bool kIsVector = false;
template <typename T>
constexpr bool kIsVector<std::vector<T>> = true;

template <typename T>
T convert_value(const MetaValue& value) {
  if constexpr (kIsVector<T>) {
    using Element = typename T::value_type;
    if (!value.is_array()) throw_type(value, "an array");
    T result;
    if constexpr (std::is_same_v<Element, std::string_view>) {
      if (value.type() != MetaType::string) throw_type(value, "an array of strings");
      result.reserve(value.size());
      for_each_string(value, [&](std::string_view text) {
        result.push_back(text);
        return true;
      });
    } else {
      if (value.type() == MetaType::string) throw_type(value, "an array of numbers");
      result.reserve(value.size());
      for (std::uint64_t i = 0; i < value.size(); ++i) {
        result.push_back(number_at<Element>(value, i));
      }
    }
    return result;
  } else if constexpr (std::is_same_v<T, std::string_view> || std::is_same_v<T, std::string>) {
    if (value.is_array() || value.type() != MetaType::string) throw_type(value, "a string");
    T result;
    for_each_string(value, [&](std::string_view text) {
      result = T(text);
      return true;
    });
    return result;
  } else {
    if (value.is_array()) throw_type(value, wanted_name<T>());
    return number_at<T>(value, 0);
  }
}

/// `text` with line breaks shown as \n, cut after about `max_length` bytes.
std::string shorten(std::string_view text, std::size_t max_length) {
  const bool cut = text.size() > max_length;
  if (cut) text = text.substr(0, complete_utf8_prefix(text.substr(0, max_length)));
  std::string result;
  for (const char c : sanitize_utf8(text)) {
    if (c == '\n') {
      result += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      result += ' ';
    } else {
      result += c;
    }
  }
  if (cut) result += "…";
  return result;
}

}  // namespace

std::string_view name(MetaType type) {
  constexpr std::array<std::string_view, 13> kNames = {"u8",  "i8",  "u16",  "i16",    "u32",
                                                       "i32", "f32", "bool", "string", "array",
                                                       "u64", "i64", "f64"};
  return kNames[static_cast<std::size_t>(type)];
}

template <typename T>
T MetaValue::as() const {
  return convert_value<T>(*this);
}

std::string MetaValue::summary(std::size_t max_length) const {
  constexpr std::uint64_t kShownElements = 6;
  std::vector<std::string> shown;
  if (type_ == MetaType::string) {
    for_each_string(*this, [&](std::string_view text) {
      shown.push_back(array_ ? fmt::format("\"{}\"", shorten(text, max_length / 4))
                             : shorten(text, max_length));
      return shown.size() < kShownElements;
    });
  } else {
    for (std::uint64_t i = 0; i < std::min(count_, kShownElements); ++i) {
      visit_number(*this, i, [&](auto number) { shown.push_back(fmt::format("{}", number)); });
    }
  }
  if (!array_) return shown.front();
  return fmt::format("[{}{}] ({} {})", fmt::join(shown, ", "), count_ > kShownElements ? ", …" : "",
                     count_, jielong::name(type_));
}

const MetaValue* Metadata::find(std::string_view key) const {
  const auto entry = by_key_.find(key);
  return entry == by_key_.end() ? nullptr : &values_[entry->second];
}

void Metadata::add(const MetaValue& value) {
  if (!by_key_.emplace(value.key(), values_.size()).second) {
    throw bad_input("comes twice", place(value),
                    "the file is damaged or was made wrongly; get it again");
  }
  values_.push_back(value);
}

template <typename T>
T Metadata::convert(const MetaValue& value) const {
  try {
    return value.as<T>();
  } catch (const Error& error) {
    throw error.within(source_.string());
  }
}

void Metadata::throw_missing(std::string_view key) const {
  throw Error(ErrorKind::not_found, fmt::format("has no metadata key \"{}\"", key),
              source_.string(), "the file is incomplete or of another kind; get it again");
}

#define JIELONG_META_TYPE(...)                             \
  template __VA_ARGS__ MetaValue::as<__VA_ARGS__>() const; \
  template __VA_ARGS__ Metadata::convert<__VA_ARGS__>(const MetaValue&) const;
JIELONG_META_TYPE(bool)
JIELONG_META_TYPE(std::int32_t)
JIELONG_META_TYPE(std::uint32_t)
JIELONG_META_TYPE(std::int64_t)
JIELONG_META_TYPE(std::uint64_t)
JIELONG_META_TYPE(float)
JIELONG_META_TYPE(double)
JIELONG_META_TYPE(std::string)
JIELONG_META_TYPE(std::string_view)
JIELONG_META_TYPE(std::vector<std::string_view>)
JIELONG_META_TYPE(std::vector<std::int32_t>)
JIELONG_META_TYPE(std::vector<std::uint32_t>)
JIELONG_META_TYPE(std::vector<std::int64_t>)
JIELONG_META_TYPE(std::vector<float>)
JIELONG_META_TYPE(std::vector<std::uint8_t>)
#undef JIELONG_META_TYPE

}  // namespace jielong
