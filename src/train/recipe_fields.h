#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "train/recipe.h"

namespace jielong {

/// What texts of a recipe are.
enum class TextKind : std::uint8_t {
  plain,
  path,   ///< relative to the file it stands in
  model,  ///< a path, or the name of a model
  recipe  ///< the recipe that this one extends
};

/// Numbers from `low` to `high`, both allowed.
struct NumberRange {
  double low = 0;
  double high = std::numeric_limits<double>::infinity();
};

/// Walks through everything that a recipe may say: reading, writing and publishing the schema are
/// visitors of one table, so they cannot disagree.
class RecipeVisitor {
 public:
  using Inside = std::function<void()>;
  /// A list of sections.
  struct Items {
    std::function<std::size_t()> size;
    std::function<void(std::size_t)> resize;
    std::function<void(std::size_t)> visit;  ///< the entry of that index
    std::function<void()> visit_default;     ///< an entry as it is before anything is set
  };

  virtual ~RecipeVisitor() = default;
  virtual void flag(const char* name, bool& value, const char* help) = 0;
  virtual void count(const char* name, std::int64_t& value, const char* help,
                     NumberRange range) = 0;
  virtual void number(const char* name, double& value, const char* help, NumberRange range) = 0;
  virtual void text(const char* name, std::string& value, const char* help,
                    TextKind kind = TextKind::plain) = 0;
  virtual void choice(const char* name, std::string& value, const char* help,
                      const std::vector<std::string>& choices) = 0;
  virtual void texts(const char* name, std::vector<std::string>& value, const char* help) = 0;
  virtual void section(const char* name, const char* help, const Inside& inside) = 0;
  virtual void sections(const char* name, const char* help, const Items& items) = 0;
};

/// The table: shows every field of `recipe` to the visitor, in the order in which it is written.
/// `extends` gets the key of that name.
void visit_recipe(RecipeVisitor& visitor, Recipe& recipe, std::string& extends);

}  // namespace jielong
