#pragma once

#include <cstdint>
#include <vector>

#include "generate/chain.h"
#include "model/runner.h"

namespace jielong {

/// One evaluation of many chains: their slices side by side, then the rows of logits that
/// belong to each. The memory is used again by the next one.
class ChainBatch {
 public:
  void clear();
  /// Asks for the next slice of `chain`, of at most `budget` prompt tokens.
  void add(Chain& chain, std::int64_t budget);

  std::size_t size() const { return chains_.size(); }
  Chain& chain(std::size_t index) const { return *chains_[index]; }
  /// Tokens of all slices.
  std::int64_t tokens() const { return tokens_; }
  const Slice& slice(std::size_t index) const { return slices_[index]; }
  /// The first row of a chain's logits in those of a call for [first, …).
  std::int64_t row(std::size_t index, std::size_t first = 0) const {
    return rows_[index] - rows_[first];
  }

  /// Evaluates and commits the chains [first, first + count). When the runner throws, none
  /// of them is committed, and they may be tried again.
  Logits evaluate(Runner& runner, std::size_t first, std::size_t count);
  Logits evaluate(Runner& runner) { return evaluate(runner, 0, size()); }

 private:
  std::vector<Chain*> chains_;
  std::vector<Slice> slices_;
  std::vector<std::int64_t> rows_;  // before each chain's own
  std::int64_t next_row_ = 0, tokens_ = 0;
};

}  // namespace jielong
