# The recipes of models/*.json become part of the program.
file(GLOB recipes CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/../models/*.json)
list(SORT recipes)
set(literals "")
foreach(recipe IN LISTS recipes)
  file(READ ${recipe} text)
  string(APPEND literals "    R\"recipe(${text})recipe\",\n")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${recipe})
endforeach()
set(generated ${CMAKE_CURRENT_BINARY_DIR}/generated/embedded_recipes.cpp)
file(CONFIGURE OUTPUT ${generated} @ONLY CONTENT [[
#include "model/store/catalogue.h"

namespace jielong::store {
namespace {

constexpr std::string_view kRecipes[] = {
@literals@};

}  // namespace

std::span<const std::string_view> embedded_recipes() { return kRecipes; }

}  // namespace jielong::store
]])
target_sources(jielong_model PRIVATE ${generated})
