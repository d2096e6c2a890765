#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/sha256.h"
#include "token/token.h"
#include "train/data/learning_format.h"

namespace jielong {

/// What was met when the documents of a source were read, training and held-out ones together.
struct ReadCounts {
  std::uint64_t records = 0;
  std::uint64_t empty = 0;       ///< had nothing to learn and were left out
  std::uint64_t duplicates = 0;  ///< equal to one before; left out only when asked for
  std::uint64_t repaired = 0;    ///< were not UTF-8: U+FFFD stands for what was wrong
};

/// What a shard's documents are and where they come from.
struct ShardInfo {
  std::string tokenizer;  ///< tokenizer_fingerprint()
  std::int64_t vocabulary = 0;
  LearningFormat format = LearningFormat::next_token;
  std::string key;               ///< of the files and settings it was made from
  std::uint64_t text_bytes = 0;  ///< of the documents' text, for bits per byte
  ReadCounts counts;
  std::vector<std::string> classes;  ///< of classification, by number
};

/// Documents in tokens, mapped from a file (all numbers little-endian):
///
///     "JLTOKENS", version u32, bytes of a token u32 (2 or 4)
///     tokens                     (tokens) u16 or u32
///     ends of documents          (documents) u64, in tokens; from here on 8-byte aligned
///     learnt                     (tokens) bits, 64 a word; only with flag 1
///     labels                     (documents) i32; only with flag 2
///     info                       JSON
///     footer: documents, tokens, flags, bytes of info (u64 each), SHA-256 of all before it
///
/// In preference shards documents 2i and 2i + 1 are the chosen and the rejected answer.
class TokenShard {
 public:
  /// Checks every count, the order of the ends and, with `verify`, the checksum. Throws
  /// Error(bad_input | io).
  static TokenShard open(const std::filesystem::path& path, bool verify = true);
  /// The same for bytes in memory, aligned to 8 bytes, which must outlive the shard.
  static TokenShard view(std::span<const std::byte> bytes, const std::string& where,
                         bool verify = true);

  std::int64_t documents() const { return static_cast<std::int64_t>(ends_.size()); }
  std::int64_t tokens() const { return tokens_; }
  std::int64_t begin(std::int64_t document) const {
    return document == 0 ? 0
                         : static_cast<std::int64_t>(ends_[static_cast<std::size_t>(document - 1)]);
  }
  /// Tokens of a document.
  std::int64_t length(std::int64_t document) const {
    return static_cast<std::int64_t>(ends_[static_cast<std::size_t>(document)]) - begin(document);
  }
  /// Token `index` of the whole shard. Throws Error(bad_input) for one outside the vocabulary.
  Token token(std::int64_t index) const;
  /// Whether the token is to be predicted.
  bool learnt(std::int64_t index) const {
    const auto i = static_cast<std::size_t>(index);
    return learnt_.empty() || (learnt_[i / 64] >> (i % 64) & 1) != 0;
  }
  std::int32_t label(std::int64_t document) const {
    return labels_.empty() ? -1 : labels_[static_cast<std::size_t>(document)];
  }
  const ShardInfo& info() const { return info_; }
  /// SHA-256 of the content as 64 hex digits, as the file states it.
  const std::string& checksum() const { return checksum_; }

 private:
  MappedFile file_;
  std::string where_;
  const std::byte* data_ = nullptr;  ///< tokens
  std::size_t token_bytes_ = 2;
  std::int64_t tokens_ = 0;
  std::span<const std::uint64_t> ends_;    ///< (documents)
  std::span<const std::uint64_t> learnt_;  ///< (tokens / 64), or empty
  std::span<const std::int32_t> labels_;   ///< (documents), or empty
  ShardInfo info_;
  std::string checksum_;
};

/// Writes a shard, whole or not at all.
class TokenShardWriter {
 public:
  /// @param wide  tokens of four bytes instead of two
  TokenShardWriter(std::filesystem::path path, bool wide, bool with_learnt, bool with_labels);

  /// @param learnt (tokens), empty: all; @param label its class
  void add(std::span<const Token> tokens, const std::vector<bool>& learnt, std::int32_t label);
  std::int64_t documents() const { return static_cast<std::int64_t>(ends_.size()); }
  std::int64_t tokens() const { return tokens_; }
  /// Renumbers classes, which are known only at the end: label i becomes numbers[i].
  void renumber_labels(const std::vector<std::int32_t>& numbers);
  void commit(const ShardInfo& info);

 private:
  void write(std::span<const std::byte> bytes);

  AtomicFile file_;
  Sha256 hash_;
  std::size_t token_bytes_;
  bool with_learnt_, with_labels_;
  std::int64_t tokens_ = 0;
  std::vector<std::uint64_t> ends_, learnt_;
  std::vector<std::int32_t> labels_;
  std::vector<std::byte> buffer_;
};

}  // namespace jielong
