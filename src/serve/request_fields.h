#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace jielong::serve {

/// Reads the fields of one JSON object of a request strictly: each is declared by reading it,
/// with its type and range, and finish() refuses what nobody declared.
///
///     RequestFields fields(body);
///     const double temperature = fields.number("temperature", 0, 2).value_or(0.8);
///     fields.ignore({"user", "metadata"});
///     fields.refuse("audio", "Jielong answers in text");
///     fields.finish();
///
/// Absent and null are the same. Every member throws Error(bad_input), or Error(unsupported |
/// limit) where said, whose where() is the field's path, such as "messages[2].content".
class RequestFields {
 public:
  /// @param object must outlive the reader
  /// @param path   of the object itself; empty for a whole body
  /// Throws when `object` is none.
  explicit RequestFields(const OrderedJson& object, std::string path = {});

  /// Whether the field is there; declares it.
  bool has(std::string_view name);
  /// The value as it is, or null.
  const OrderedJson* any(std::string_view name);

  std::optional<bool> boolean(std::string_view name);
  std::optional<double> number(std::string_view name, double low, double high);
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t low, std::int64_t high);
  /// Throws Error(limit) when it has more bytes.
  std::optional<std::string> text(std::string_view name,
                                  std::size_t max_bytes = std::numeric_limits<std::size_t>::max());
  /// The index of the text among `choices`.
  std::optional<std::size_t> choice(std::string_view name,
                                    std::initializer_list<std::string_view> choices);
  const OrderedJson* object(std::string_view name);
  /// Throws Error(limit) when it has more entries.
  const OrderedJson* list(std::string_view name,
                          std::size_t max_entries = std::numeric_limits<std::size_t>::max());
  /// A text or a list of texts, which become a list. Throws Error(limit) as text() and list().
  std::optional<std::vector<std::string>> texts(
      std::string_view name, std::size_t max_entries,
      std::size_t max_bytes = std::numeric_limits<std::size_t>::max());

  /// Declares fields that may hold anything and change nothing.
  void ignore(std::initializer_list<std::string_view> names);
  /// Throws Error(unsupported) with the reason when the field is there; `harmless`, if given,
  /// is a boolean that may be there because it asks for nothing.
  void refuse(std::string_view name, std::string_view reason,
              std::optional<bool> harmless = std::nullopt);

  /// The path of a field, as in where().
  std::string path(std::string_view name) const;
  /// An error that the field is missing.
  Error missing(std::string_view name) const;
  /// Throws for the first field that was not declared, with a similar name if there is one.
  void finish() const;

 private:
  [[noreturn]] void wrong_type(std::string_view name, std::string_view expected,
                               const OrderedJson& value) const;

  const OrderedJson& object_;
  std::string path_;
  std::vector<std::string> declared_;
};

/// A value in a few words for an error message: "a list", "the text \"abc\"", "5".
std::string describe(const OrderedJson& value);

}  // namespace jielong::serve
