// A whole hostile model: GGUF bytes are loaded, prepared and, where that succeeds, run for a
// few tokens. Seeds are the tiny models of tests/model/goldens.

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "model/model_runner.h"

namespace {

/// A file in memory with a path, because models are mapped from files.
class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* data, std::size_t size)
      : descriptor_(::memfd_create("model", MFD_CLOEXEC)) {
    while (size > 0) {
      const ssize_t written = ::write(descriptor_, data, size);
      if (written <= 0) break;
      data += written;
      size -= static_cast<std::size_t>(written);
    }
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(descriptor_); }

  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace jielong;
  static ThreadPool pool(1);
  const MemoryFile file(data, size);
  try {
    const auto model = Model::load(file.path(), {.context_length = 16});
    model->prepare(pool);
    ModelRunner runner(model, pool, {.max_chains = 1});
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
