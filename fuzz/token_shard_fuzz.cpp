// Shards of tokens: whatever the bytes, the reader accepts or throws Error, and what it accepts
// can be read to its end.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/error.h"
#include "train/data/token_shard.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  const std::vector<std::byte> aligned(bytes, bytes + size);
  try {
    const auto shard = jielong::TokenShard::view(aligned, "shard", false);
    for (std::int64_t document = 0; document < shard.documents(); ++document) {
      (void)shard.label(document);
      for (std::int64_t i = 0; i < shard.length(document); ++i) {
        (void)shard.learnt(shard.begin(document) + i);
        (void)shard.token(shard.begin(document) + i);
      }
    }
  } catch (const jielong::Error&) {
  }
  return 0;
}
