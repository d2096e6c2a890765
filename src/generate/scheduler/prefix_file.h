#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generate/scheduler/prefix_tree.h"

namespace jielong {

/// A node of a prefix tree as it lies in a file.
struct PrefixRecord {
  std::int64_t parent = -1;  ///< index of the record it continues, always a smaller one
  std::vector<Token> tokens;
  std::string_view digest;           ///< SHA-256 of `block`, in hex digits
  std::span<const std::byte> block;  ///< keys and values of the tokens
};

/// A file of prefixes. All numbers are little-endian:
///
///     "JLPREFIX", u32 version 1, u32 tokens of a full block, u64 bytes of a block,
///     u32 bytes of the format, u32 number of records, the format (Runner::block_format())
///     for each record: u32 parent + 1 (0: none), u32 tokens, i32 for each token,
///       64 hex digits: the SHA-256 of its block
///     64 hex digits: the SHA-256 of everything before
///     the blocks, in order, up to the end of the file
struct PrefixFile {
  std::int64_t block_tokens = 0;
  std::string_view format;
  std::vector<PrefixRecord> records;
  std::span<const std::byte> table;  ///< everything before its digest
  std::string_view digest;
};

/// Takes `bytes` apart, which must stay. Throws Error(bad_input) unless every size, count,
/// parent and token makes sense. The digests are not computed.
/// @param where      the file's name
/// @param vocabulary tokens must be smaller
PrefixFile parse_prefix_file(std::span<const std::byte> bytes, const std::string& where,
                             std::int64_t vocabulary);

/// Throws Error(bad_input) when a digest is not that of what it stands for.
void check_digests(const PrefixFile& file, const std::string& where);

/// The most recently used branches of the tree, at most `max_bytes` of them. Throws
/// Error(unsupported) when the runner's blocks cannot be saved, Error(io).
void write_prefixes(const std::filesystem::path& path, const PrefixTree& tree,
                    std::uint64_t max_bytes);

/// Adds the prefixes of a file to the tree, as many as there is room for, and returns their
/// tokens. Throws Error before the tree has changed.
std::int64_t read_prefixes(const std::filesystem::path& path, PrefixTree& tree);

}  // namespace jielong
