#include "generate/chain_batch.h"

#include <span>

namespace jielong {

void ChainBatch::clear() {
  chains_.clear();
  slices_.clear();
  rows_.clear();
  next_row_ = tokens_ = 0;
}

void ChainBatch::add(Chain& chain, std::int64_t budget) {
  const Slice slice = chain.next_slice(budget);
  chains_.push_back(&chain);
  slices_.push_back(slice);
  rows_.push_back(next_row_);
  next_row_ += chain.rows();
  tokens_ += static_cast<std::int64_t>(slice.tokens.size());
}

Logits ChainBatch::evaluate(Runner& runner, std::size_t first, std::size_t count) {
  const Logits logits = runner.evaluate(std::span<const Slice>(slices_).subspan(first, count));
  for (std::size_t i = first; i < first + count; ++i) chains_[i]->commit();
  return logits;
}

}  // namespace jielong
