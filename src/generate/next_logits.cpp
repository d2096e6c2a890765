#include "generate/next_logits.h"

#include <algorithm>
#include <cstddef>

#include "base/error.h"

namespace jielong {
namespace {

/// Tokens evaluated at once; bounds the memory for activations.
constexpr std::size_t kChunk = 512;

}  // namespace

std::span<const float> next_logits(Runner& runner, std::span<const Token> tokens,
                                   CachedPrefix& cache) {
  if (tokens.empty()) {
    throw bad_input("the chain has no tokens", "chain", "begin with at least one token");
  }
  const auto common = static_cast<std::size_t>(
      std::mismatch(tokens.begin(), tokens.end(), cache.tokens.begin(), cache.tokens.end()).first -
      tokens.begin());
  // The last token is always evaluated: its logits are what is asked for.
  const std::size_t keep = std::min(common, tokens.size() - 1);
  if (!cache.sequence) cache.sequence = runner.open();
  runner.truncate(*cache.sequence, static_cast<std::int64_t>(keep));
  cache.tokens.resize(keep);

  Logits logits;
  while (cache.tokens.size() < tokens.size()) {
    const auto rest = tokens.subspan(cache.tokens.size());
    const auto part = rest.first(std::min(kChunk, rest.size()));
    const Slice slice{.sequence = *cache.sequence, .tokens = part, .all_logits = false};
    logits = runner.evaluate({&slice, 1});
    cache.tokens.insert(cache.tokens.end(), part.begin(), part.end());
  }
  return logits.row(0);
}

}  // namespace jielong
