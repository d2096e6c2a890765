#include "model/metadata_builder.h"

#include <algorithm>

namespace jielong {
namespace {

template <typename Number>
void put(std::string& out, Number value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_type(std::string& out, MetaType type) { put(out, static_cast<std::uint32_t>(type)); }

void put_string(std::string& out, std::string_view text) {
  put(out, static_cast<std::uint64_t>(text.size()));
  out.append(text);
}

template <typename Number>
void put_scalar(std::string& out, MetaType type, Number value) {
  put_type(out, type);
  put(out, value);
}

void put_array_head(std::string& out, MetaType type, std::size_t count) {
  put_type(out, MetaType::array);
  put_type(out, type);
  put(out, static_cast<std::uint64_t>(count));
}

template <typename Number>
void put_array(std::string& out, MetaType type, std::span<const Number> values) {
  put_array_head(out, type, values.size());
  out.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

template <typename String>
void put_strings(std::string& out, std::span<const String> values) {
  put_array_head(out, MetaType::string, values.size());
  for (const auto& value : values) put_string(out, value);
}

}  // namespace

std::string& MetadataBuilder::slot(std::string_view key) {
  const auto entry =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.key == key; });
  if (entry != entries_.end()) {
    entry->value.clear();
    return entry->value;
  }
  entries_.push_back({std::string(key), {}});
  return entries_.back().value;
}

void MetadataBuilder::set(std::string_view key, bool value) {
  put_scalar(slot(key), MetaType::boolean, static_cast<std::uint8_t>(value));
}

void MetadataBuilder::set(std::string_view key, std::uint16_t value) {
  put_scalar(slot(key), MetaType::u16, value);
}

void MetadataBuilder::set(std::string_view key, std::int32_t value) {
  put_scalar(slot(key), MetaType::i32, value);
}

void MetadataBuilder::set(std::string_view key, std::uint32_t value) {
  put_scalar(slot(key), MetaType::u32, value);
}

void MetadataBuilder::set(std::string_view key, std::int64_t value) {
  put_scalar(slot(key), MetaType::i64, value);
}

void MetadataBuilder::set(std::string_view key, std::uint64_t value) {
  put_scalar(slot(key), MetaType::u64, value);
}

void MetadataBuilder::set(std::string_view key, float value) {
  put_scalar(slot(key), MetaType::f32, value);
}

void MetadataBuilder::set(std::string_view key, std::string_view value) {
  std::string& out = slot(key);
  put_type(out, MetaType::string);
  put_string(out, value);
}

void MetadataBuilder::set(std::string_view key, std::span<const std::string_view> values) {
  put_strings(slot(key), values);
}

void MetadataBuilder::set(std::string_view key, std::span<const std::string> values) {
  put_strings(slot(key), values);
}

void MetadataBuilder::set(std::string_view key, std::span<const float> values) {
  put_array(slot(key), MetaType::f32, values);
}

void MetadataBuilder::set(std::string_view key, std::span<const std::int32_t> values) {
  put_array(slot(key), MetaType::i32, values);
}

void MetadataBuilder::set(std::string_view key, std::span<const std::uint8_t> values) {
  put_array(slot(key), MetaType::u8, values);
}

void MetadataBuilder::set_flags(std::string_view key, const std::vector<bool>& values) {
  std::string& out = slot(key);
  put_array_head(out, MetaType::boolean, values.size());
  for (const bool value : values) put(out, static_cast<std::uint8_t>(value));
}

void MetadataBuilder::set(const MetaValue& value) {
  std::string& out = slot(value.key());
  if (value.is_array()) {
    put_array_head(out, value.type(), value.size());
  } else {
    put_type(out, value.type());
  }
  out.append(reinterpret_cast<const char*>(value.bytes().data()), value.bytes().size());
}

void MetadataBuilder::remove(std::string_view key) {
  std::erase_if(entries_, [&](const Entry& entry) { return entry.key == key; });
}

bool MetadataBuilder::contains(std::string_view key) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const Entry& entry) { return entry.key == key; });
}

std::string MetadataBuilder::encode() const {
  std::string out;
  for (const Entry& entry : entries_) {
    put_string(out, entry.key);
    out += entry.value;
  }
  return out;
}

}  // namespace jielong
