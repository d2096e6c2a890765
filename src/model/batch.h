#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "token/token.h"

namespace jielong {

class KvSequence;

/// Consecutive rows of a batch that belong to one chain.
struct SequenceRows {
  std::int64_t first_row = 0;
  std::int64_t count = 0;
  std::int64_t first_position = 0;
  /// Where keys and values of all its positions are kept.
  KvSequence* cache = nullptr;
};

/// The tokens of one pass, those of each chain side by side.
struct Batch {
  std::vector<Token> tokens;            ///< (rows)
  std::vector<std::int64_t> positions;  ///< (rows)
  std::vector<std::int32_t> segments;   ///< (rows) BERT's token types; empty: all 0
  std::vector<SequenceRows> sequences;
  std::vector<std::int64_t> output_rows;  ///< rows whose result is wanted, ascending

  std::int64_t rows() const { return static_cast<std::int64_t>(tokens.size()); }
};

}  // namespace jielong
