#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/json.h"
#include "generate/constraint/limits.h"

namespace jielong {

/// A schema within a document, and where it stands there.
struct Schema {
  const OrderedJson* json = nullptr;
  std::string pointer;  ///< JSON pointer, for messages

  Schema at(const std::string& key) const;
  Schema at(std::size_t index) const;
};

[[noreturn]] void throw_bad_schema(const std::string& what, const std::string& pointer);
[[noreturn]] void throw_unsupported_schema(const std::string& what, const std::string& pointer,
                                           const std::string& fix = {});

/// A JSON Schema's text, and what its references lead to.
class SchemaDocument {
 public:
  /// Throws Error(bad_input | limit).
  SchemaDocument(std::string_view text, const GrammarLimits& limits);
  ~SchemaDocument();

  Schema root() const;
  /// Where `reference`, written at `from`, leads: inside this document only. Throws
  /// Error(bad_input) when nothing is there, Error(unsupported) for other documents.
  Schema resolve(const std::string& reference, const Schema& from) const;

 private:
  void find_anchors();

  std::unique_ptr<OrderedJson> root_;
  std::map<std::string, Schema> anchors_;
};

}  // namespace jielong
