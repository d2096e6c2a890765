// A task file: whatever the bytes, problems are read or refused with an Error, and those that are
// read have a prompt.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "evaluate/task.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace jielong;
  try {
    const auto problems = parse_problems({reinterpret_cast<const char*>(data), size}, "task.jsonl");
    if (problems.empty()) std::abort();
    for (const Problem& problem : problems) {
      if (problem.prompt.empty()) std::abort();
    }
  } catch (const Error&) {
  }
  return 0;
}
