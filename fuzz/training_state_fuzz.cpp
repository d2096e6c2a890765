// state.json and complete.json of checkpoints: whatever the bytes, they are an Error, or facts that
// can be written and read again, and names that stay in their folder.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "train/checkpoint.h"
#include "train/training_state.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool stays(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace jielong;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    for (const CheckpointFile& file : parse_checkpoint_marker(text, "complete.json")) {
      require(stays(file.name));
    }
  } catch (const Error&) {
  }
  try {
    const TrainingState state = parse_training_state(text, "state.json");
    require(stays(state.model) && state.step >= 0);
    const std::string written = write_training_state(state);
    require(write_training_state(parse_training_state(written, "written")) == written);
  } catch (const Error&) {
  }
  return 0;
}
