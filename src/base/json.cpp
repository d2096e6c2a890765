#include "base/json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace jielong {

Json parse_json(std::string_view text, const std::string& where, std::size_t max_depth) {
  // The parser keeps its own stack, but values are destroyed and walked
  // recursively, so depth is bounded before any value is built.
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > max_depth) {
        throw bad_input(fmt::format("JSON nests deeper than {} levels", max_depth),
                        fmt::format("{}, byte {}", where, i));
      }
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    throw bad_input("is not valid JSON", fmt::format("{}, byte {}", where, error.byte),
                    "check the file or request for a typing error or a cut-off end");
  }
}

}  // namespace jielong
