// Files of saved prefixes come from a disk that others may write to: whatever is in them,
// they are an Error or records whose parents, tokens and blocks can be used.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "base/error.h"
#include "generate/scheduler/prefix_file.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace jielong;
  constexpr std::int64_t kVocabulary = 1000;
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const PrefixFile file = parse_prefix_file(bytes, "prefixes", kVocabulary);
    std::int64_t index = 0;
    std::size_t blocks = 0;
    for (const PrefixRecord& record : file.records) {
      require(record.parent < index++);
      require(!record.tokens.empty() &&
              static_cast<std::int64_t>(record.tokens.size()) <= file.block_tokens);
      for (const Token token : record.tokens) require(token >= 0 && token < kVocabulary);
      require(!record.block.empty());
      blocks += record.block.size();
    }
    require(file.table.size() + file.digest.size() + blocks == size);
    check_digests(file, "prefixes");
  } catch (const Error&) {
  }
  return 0;
}
