#include "model/store/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "model/store/names.h"
#include "model/store/store.h"

namespace jielong {
namespace store {
namespace {

std::string text_of(const Json& object, const char* key, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) {
    throw bad_input(fmt::format("'{}' must be a string", key), where);
  }
  return found->get<std::string>();
}

}  // namespace

Recipe parse_recipe(std::string_view text, const std::string& where) {
  const Json json = parse_json(text, where, 16);
  if (!json.is_object()) throw bad_input("a recipe must be an object", where);
  Recipe recipe;
  recipe.name = text_of(json, "name", where);
  recipe.about = text_of(json, "about", where);
  recipe.licence = text_of(json, "licence", where);
  recipe.file = text_of(json, "file", where);
  recipe.sha256 = text_of(json, "sha256", where);
  if (!is_plain_name(recipe.name)) throw bad_input("'name' must be a plain name", where);
  if (!is_plain_name(recipe.file)) throw bad_input("'file' must be a plain file name", where);
  if (!is_sha256(recipe.sha256)) throw bad_input("'sha256' must be 64 hex digits", where);
  const auto bytes = json.find("bytes");
  if (bytes == json.end() || !bytes->is_number_unsigned() || *bytes == 0u) {
    throw bad_input("'bytes' must be the file's size", where);
  }
  recipe.bytes = bytes->get<std::uint64_t>();
  if (const auto aliases = json.find("aliases"); aliases != json.end() && aliases->is_array()) {
    for (const Json& alias : *aliases) {
      if (alias.is_string()) recipe.aliases.push_back(alias.get<std::string>());
    }
  }
  const auto parts = json.find("parts");
  if (parts == json.end() || !parts->is_array() || parts->empty() || parts->size() > 1000) {
    throw bad_input("'parts' must be a list", where);
  }
  for (const Json& part : *parts) {
    if (!part.is_object()) throw bad_input("a part must be an object", where);
    Recipe::Part read{text_of(part, "package", where), text_of(part, "version", where),
                      text_of(part, "file", where)};
    if (!is_plain_name(read.package) || !is_plain_name(read.version) || !is_safe_path(read.file)) {
      throw bad_input("a part must name a package, a version and a file in it", where);
    }
    recipe.parts.push_back(std::move(read));
  }
  return recipe;
}

const std::vector<Recipe>& recipes() {
  static const std::vector<Recipe> all = [] {
    std::vector<Recipe> read;
    for (const std::string_view text : embedded_recipes()) {
      read.push_back(parse_recipe(text, "the catalogue"));
    }
    return read;
  }();
  return all;
}

const Recipe* find_recipe(std::string_view name) {
  for (const Recipe& recipe : recipes()) {
    const auto& aliases = recipe.aliases;
    if (recipe.name == name || std::find(aliases.begin(), aliases.end(), name) != aliases.end()) {
      return &recipe;
    }
  }
  return nullptr;
}

}  // namespace store

std::vector<CatalogueModel> catalogue() {
  std::vector<CatalogueModel> models;
  for (const store::Recipe& recipe : store::recipes()) {
    models.push_back({recipe.name, recipe.aliases, recipe.about, recipe.licence, recipe.bytes});
  }
  return models;
}

}  // namespace jielong
