// JSON Schemas come from requests: whatever a text holds, it becomes an Error or a grammar whose
// masks keep their promises.
#include "grammar_walk.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace jielong;
  return fuzz_grammar(data, size, [](std::string_view text, const GrammarLimits& limits) {
    return Grammar::from_json_schema(text, JsonSpacing::compact, limits);
  });
}
