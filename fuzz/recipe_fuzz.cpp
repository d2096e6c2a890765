// Recipes come from people and from other people's folders: whatever a text holds, it becomes a
// recipe that reads the same when it is written out, or an Error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "train/recipe.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace jielong;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> overrides;
  if (const std::size_t cut = text.find("\n----\n"); cut != text.npos) {
    overrides.emplace_back(text.substr(cut + 6));
    text = text.substr(0, cut);
  }
  std::string written;
  try {
    written = write_recipe(parse_recipe(text, "recipe", "/folder", overrides));
  } catch (const Error&) {
    return 0;
  }
  // Not caught: what was written must be readable.
  if (write_recipe(parse_recipe(written, "written", "/elsewhere")) != written) std::abort();
  return 0;
}
