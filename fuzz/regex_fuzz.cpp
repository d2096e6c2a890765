// Regular expressions come from requests: whatever a text holds, it becomes an Error or a grammar
// whose masks keep their promises.
#include "grammar_walk.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return jielong::fuzz_grammar(data, size, jielong::Grammar::from_regex);
}
