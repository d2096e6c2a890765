#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>

#include "token/token.h"

namespace jielong {

/// A chain under continuation: a handle to the keys and values already computed.
using SequenceId = std::int32_t;

/// New tokens for one chain, at the positions that follow what it already holds.
struct Slice {
  SequenceId sequence = 0;
  std::span<const Token> tokens;
  /// Logits for every token of the slice instead of the last one only.
  bool all_logits = false;
};

/// Scores for the next token: one row of `vocabulary` logits for each token asked for,
/// slice by slice. Valid until the next evaluate().
struct Logits {
  const float* data = nullptr;  ///< (rows, vocabulary)
  std::int64_t rows = 0;
  std::int64_t vocabulary = 0;

  std::span<const float> row(std::int64_t index) const {
    return {data + index * vocabulary, static_cast<std::size_t>(vocabulary)};
  }
};

/// f_θ at work: chains of tokens in, scores for the next token out. A chain's logits
/// depend on its tokens alone: not on what else is in the batch, the thread count or how
/// its tokens were split over calls. One thread at a time.
class Runner {
 public:
  virtual ~Runner() = default;

  virtual std::int64_t vocabulary() const = 0;
  /// The most tokens one chain may hold.
  virtual std::int64_t context_length() const = 0;
  /// Whether it continues chains; encoders such as BERT only return vectors.
  virtual bool generates() const { return true; }

  /// A new, empty chain.
  virtual SequenceId open() = 0;
  /// A new chain that begins as the first `length` tokens of `sequence`, sharing its pages.
  virtual SequenceId fork(SequenceId sequence, std::int64_t length) = 0;
  /// Forgets all but the first `length` tokens.
  virtual void truncate(SequenceId sequence, std::int64_t length) = 0;
  virtual void close(SequenceId sequence) = 0;
  virtual std::int64_t length(SequenceId sequence) const = 0;

  /// Appends each slice to its chain and returns the logits asked for. A sequence may
  /// occur once a call. Throws Error(limit) before changing anything when a chain would
  /// outgrow the context or the cache's memory.
  virtual Logits evaluate(std::span<const Slice> slices) = 0;

  // Keys and values lie in blocks of block_tokens() tokens, which chains with a common
  // beginning share. These defaults are those of a runner that needs no memory.

  virtual std::int64_t block_tokens() const { return 64; }
  virtual std::size_t used_blocks() const { return 0; }
  virtual std::size_t max_blocks() const { return std::numeric_limits<std::size_t>::max(); }
  /// Blocks that appending `count` tokens would take.
  virtual std::size_t blocks_to_append(SequenceId sequence, std::int64_t count) const;
  /// Blocks that no other chain shares: what close() would give back.
  virtual std::size_t own_blocks(SequenceId sequence) const;

  /// Names everything that the content of a block depends on but the tokens: weights, element
  /// type, layout. Empty: blocks cannot be saved.
  virtual std::string block_format();
  /// The content of the block that holds the tokens from `index` · block_tokens() on.
  virtual std::span<const std::byte> block(SequenceId sequence, std::int64_t index) const;
  /// Appends `count` tokens, at most to the end of a block that must be a new one, whose
  /// content was read by block() under the same block_format().
  virtual void append_block(SequenceId sequence, std::int64_t count,
                            std::span<const std::byte> content);
};

}  // namespace jielong
