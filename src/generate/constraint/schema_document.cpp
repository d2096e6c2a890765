#include "generate/constraint/schema_document.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/quote.h"
#include "generate/constraint/expression.h"

namespace jielong {
namespace {

std::string escaped(const std::string& key) {
  std::string out;
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// Undoes the %XX of a URI.
std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
        hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string unescaped(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] == '~' && i + 1 < token.size() && (token[i + 1] == '0' || token[i + 1] == '1')) {
      out += token[++i] == '0' ? '~' : '/';
    } else {
      out += token[i];
    }
  }
  return out;
}

bool has_string(const OrderedJson& json, const char* key) {
  if (!json.is_object()) return false;
  const auto found = json.find(key);
  return found != json.end() && found->is_string();
}

}  // namespace

void throw_bad_schema(const std::string& what, const std::string& pointer) {
  throw bad_input(what, "JSON Schema, #" + pointer);
}

void throw_unsupported_schema(const std::string& what, const std::string& pointer,
                              const std::string& fix) {
  throw Error(ErrorKind::unsupported, what, "JSON Schema, #" + pointer, fix);
}

Schema Schema::at(const std::string& key) const {
  return {&(*json)[key], pointer + "/" + escaped(key)};
}

Schema Schema::at(std::size_t index) const {
  return {&(*json)[index], pointer + "/" + std::to_string(index)};
}

SchemaDocument::SchemaDocument(std::string_view text, const GrammarLimits& limits) {
  if (text.size() > limits.source_bytes) {
    throw_grammar_limit("bytes", limits.source_bytes, "JSON Schema");
  }
  root_ = std::make_unique<OrderedJson>(parse_ordered_json(text, "JSON Schema", limits.depth));
  find_anchors();
}

SchemaDocument::~SchemaDocument() = default;

Schema SchemaDocument::root() const { return {root_.get(), ""}; }

void SchemaDocument::find_anchors() {
  std::vector<Schema> work = {root()};
  while (!work.empty()) {
    const Schema schema = std::move(work.back());
    work.pop_back();
    if (schema.json->is_object()) {
      for (const char* key : {"$anchor", "$dynamicAnchor"}) {
        if (!has_string(*schema.json, key)) continue;
        anchors_.try_emplace((*schema.json)[key].get<std::string>(), schema);
      }
      for (auto item = schema.json->begin(); item != schema.json->end(); ++item) {
        if (item->is_structured()) work.push_back(schema.at(item.key()));
      }
    } else if (schema.json->is_array()) {
      for (std::size_t i = 0; i < schema.json->size(); ++i) {
        if ((*schema.json)[i].is_structured()) work.push_back(schema.at(i));
      }
    }
  }
}

Schema SchemaDocument::resolve(const std::string& reference, const Schema& from) const {
  const std::string where = from.pointer + "/$ref";
  std::string fragment = reference;
  if (has_string(*root_, "$id")) {
    const auto id = (*root_)["$id"].get<std::string>();
    if (!id.empty() && fragment.starts_with(id)) fragment.erase(0, id.size());
  }
  if (!fragment.empty() && fragment[0] != '#') {
    throw_unsupported_schema(
        "the reference " + in_quotes(reference) + " leads to another document, which is not read",
        where, "put the schema under $defs and refer to #/$defs/…");
  }
  fragment = percent_decoded(fragment.empty() ? fragment : fragment.substr(1));
  if (fragment.empty()) return root();
  if (fragment[0] != '/') {
    const auto found = anchors_.find(fragment);
    if (found == anchors_.end()) {
      throw_bad_schema("there is no anchor " + in_quotes(fragment), where);
    }
    return found->second;
  }
  Schema schema = root();
  for (std::size_t at = 0; at < fragment.size();) {
    const std::size_t end = std::min(fragment.find('/', at + 1), fragment.size());
    const std::string token = unescaped(std::string_view(fragment).substr(at + 1, end - at - 1));
    at = end;
    if (schema.json->is_object() && schema.json->contains(token)) {
      schema = schema.at(token);
    } else {
      std::size_t index = 0;
      const auto [stop, error] = std::from_chars(token.data(), token.data() + token.size(), index);
      const bool number = error == std::errc() && stop == token.data() + token.size();
      if (!number || !schema.json->is_array() || index >= schema.json->size()) {
        throw_bad_schema("the reference " + in_quotes(reference) + " leads nowhere", where);
      }
      schema = schema.at(index);
    }
    if (at < fragment.size() && has_string(*schema.json, "$id")) {
      throw_unsupported_schema("a $id inside the document", schema.pointer + "/$id",
                               "leave it out");
    }
  }
  return schema;
}

}  // namespace jielong
