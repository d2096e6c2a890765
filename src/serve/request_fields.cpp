#include "serve/request_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/quote.h"
#include "base/similar.h"

namespace jielong::serve {
namespace {

std::string range_text(double low, double high) {
  return fmt::format("between {:g} and {:g}", low, high);
}

}  // namespace

std::string describe(const OrderedJson& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  if (value.is_null()) return "null";
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_string()) return "the text " + in_quotes(value.get_ref<const std::string&>(), 40);
  return value.dump();
}

RequestFields::RequestFields(const OrderedJson& object, std::string path)
    : object_(object), path_(std::move(path)) {
  if (object.is_object()) return;
  throw bad_input("must be an object, not " + describe(object),
                  path_.empty() ? "request body" : path_);
}

std::string RequestFields::path(std::string_view name) const {
  std::string path = path_;
  if (!path.empty()) path += '.';
  path += name;
  return path;
}

Error RequestFields::missing(std::string_view name) const {
  return bad_input("is required", path(name));
}

void RequestFields::wrong_type(std::string_view name, std::string_view expected,
                               const OrderedJson& value) const {
  throw bad_input(fmt::format("must be {}, not {}", expected, describe(value)), path(name));
}

const OrderedJson* RequestFields::any(std::string_view name) {
  if (std::find(declared_.begin(), declared_.end(), name) == declared_.end()) {
    declared_.emplace_back(name);
  }
  const auto found = object_.find(std::string(name));
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

bool RequestFields::has(std::string_view name) { return any(name) != nullptr; }

std::optional<bool> RequestFields::boolean(std::string_view name) {
  const OrderedJson* value = any(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) wrong_type(name, "true or false", *value);
  return value->get<bool>();
}

std::optional<double> RequestFields::number(std::string_view name, double low, double high) {
  const OrderedJson* value = any(name);
  if (value == nullptr) return std::nullopt;
  const std::string expected = "a number " + range_text(low, high);
  if (!value->is_number()) wrong_type(name, expected, *value);
  const double number = value->get<double>();
  if (!(number >= low && number <= high)) wrong_type(name, expected, *value);
  return number;
}

std::optional<std::int64_t> RequestFields::integer(std::string_view name, std::int64_t low,
                                                   std::int64_t high) {
  const OrderedJson* value = any(name);
  if (value == nullptr) return std::nullopt;
  const std::string expected = fmt::format("a whole number between {} and {}", low, high);
  if (!value->is_number_integer()) wrong_type(name, expected, *value);
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (value->is_number_unsigned() && value->get<std::uint64_t>() > kMost) {
    wrong_type(name, expected, *value);
  }
  const auto number = value->get<std::int64_t>();
  if (number < low || number > high) wrong_type(name, expected, *value);
  return number;
}

std::optional<std::string> RequestFields::text(std::string_view name, std::size_t max_bytes) {
  const OrderedJson* value = any(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) wrong_type(name, "a text", *value);
  auto text = value->get<std::string>();
  if (text.size() <= max_bytes) return text;
  throw Error(ErrorKind::limit,
              fmt::format("has {} bytes, more than the {} allowed", text.size(), max_bytes),
              path(name));
}

std::optional<std::size_t> RequestFields::choice(std::string_view name,
                                                 std::initializer_list<std::string_view> choices) {
  const OrderedJson* value = any(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) {
    const auto& text = value->get_ref<const std::string&>();
    const auto found = std::find(choices.begin(), choices.end(), text);
    if (found != choices.end()) return static_cast<std::size_t>(found - choices.begin());
  }
  std::string expected = "one of ";
  for (const std::string_view text : choices) {
    expected += text == *choices.begin() ? "\"" : ", \"";
    expected += text;
    expected += '"';
  }
  wrong_type(name, expected, *value);
}

const OrderedJson* RequestFields::object(std::string_view name) {
  const OrderedJson* value = any(name);
  if (value != nullptr && !value->is_object()) wrong_type(name, "an object", *value);
  return value;
}

const OrderedJson* RequestFields::list(std::string_view name, std::size_t max_entries) {
  const OrderedJson* value = any(name);
  if (value == nullptr) return value;
  if (!value->is_array()) wrong_type(name, "a list", *value);
  if (value->size() <= max_entries) return value;
  throw Error(ErrorKind::limit,
              fmt::format("has {} entries, more than the {} allowed", value->size(), max_entries),
              path(name));
}

std::optional<std::vector<std::string>> RequestFields::texts(std::string_view name,
                                                             std::size_t max_entries,
                                                             std::size_t max_bytes) {
  const OrderedJson* value = any(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return std::vector<std::string>{*text(name, max_bytes)};
  if (!value->is_array()) wrong_type(name, "a text or a list of texts", *value);
  std::vector<std::string> texts;
  for (const OrderedJson& entry : *list(name, max_entries)) {
    const std::string entry_name = fmt::format("{}[{}]", name, texts.size());
    if (!entry.is_string()) wrong_type(entry_name, "a text", entry);
    texts.push_back(entry.get<std::string>());
    if (texts.back().size() <= max_bytes) continue;
    throw Error(ErrorKind::limit, fmt::format("has more than the {} bytes allowed", max_bytes),
                path(entry_name));
  }
  return texts;
}

void RequestFields::ignore(std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) any(name);
}

void RequestFields::refuse(std::string_view name, std::string_view reason,
                           std::optional<bool> harmless) {
  const OrderedJson* value = any(name);
  if (value == nullptr) return;
  if (harmless && value->is_boolean() && value->get<bool>() == *harmless) return;
  throw Error(ErrorKind::unsupported, "is not supported: " + std::string(reason), path(name));
}

void RequestFields::finish() const {
  for (const auto& [name, value] : object_.items()) {
    if (std::find(declared_.begin(), declared_.end(), name) != declared_.end()) continue;
    // A client's text gets into the message, so it is cut and cleaned.
    std::string shown = in_quotes(name, 60);
    shown = shown.substr(1, shown.size() - 2);
    std::string fix = "leave it out";
    if (const auto similar = most_similar(name, declared_)) {
      fix = "did you mean \"" + *similar + "\"?";
    }
    throw bad_input("is not a parameter that this endpoint knows", path(shown), fix);
  }
}

}  // namespace jielong::serve
