#include "model/runner.h"

#include "base/error.h"

namespace jielong {

std::size_t Runner::blocks_to_append(SequenceId, std::int64_t) const { return 0; }

std::size_t Runner::own_blocks(SequenceId) const { return 0; }

std::string Runner::block_format() { return {}; }

std::span<const std::byte> Runner::block(SequenceId, std::int64_t) const { return {}; }

void Runner::append_block(SequenceId, std::int64_t, std::span<const std::byte>) {
  throw Error(ErrorKind::unsupported, "keys and values of this model cannot be restored", "cache");
}

}  // namespace jielong
