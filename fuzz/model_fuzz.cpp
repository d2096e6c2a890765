// A whole hostile model: GGUF bytes are loaded, prepared and, where that succeeds, run for a
// few tokens. Seeds are models of one layer, small enough for thousands of runs a second.

#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "memory_path.h"
#include "model/model_runner.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace jielong;
  static ThreadPool pool(1);
  static MemoryPath file;
  file.set(data, size);
  try {
    const auto model = Model::load(file.path(), {.context_length = 16});
    model->prepare(pool);
    ModelRunner runner(model, pool, {.max_chains = 1, .batch_rows = 4});
    const Token tokens[] = {0, 1, 2};
    if (model->generates()) {
      const Slice slice{runner.open(), tokens, true};
      runner.evaluate({&slice, 1});
    } else {
      runner.hidden_states(tokens);
    }
  } catch (const Error&) {
    // Refused in plain words.
  }
  return 0;
}
