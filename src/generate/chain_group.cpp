#include "generate/chain_group.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace jielong {

ChainGroup::ChainGroup(Runner& runner, const Tokenizer* tokenizer, std::span<const Token> prompt,
                       const GenerateOptions& options, std::int64_t n, CachedPrefix cache) {
  if (n < 1) {
    if (cache.sequence) runner.close(*cache.sequence);
    throw bad_input("the number of chains must be at least 1", "n");
  }
  auto leader = std::make_unique<Chain>(runner, tokenizer, prompt, options, 0, std::move(cache));
  chains_.resize(static_cast<std::size_t>(n));
  chains_.front() = std::move(leader);
}

void ChainGroup::branch() {
  for (std::size_t i = 1; i < size(); ++i) {
    chains_[i] = leader().fork(static_cast<std::int64_t>(i));
  }
  branched_ = true;
}

bool ChainGroup::finished() const {
  return std::all_of(chains_.begin(), chains_.end(),
                     [](const auto& chain) { return chain == nullptr || chain->finished(); });
}

void ChainGroup::cancel(const OnToken& on_token) {
  for (const auto& chain : chains_) {
    if (chain) chain->cancel(on_token);
  }
}

ChainResult ChainGroup::result(std::size_t index) const {
  if (chains_[index]) return chains_[index]->result();
  // The leader ended before there was anything to share.
  ChainResult nothing;
  nothing.finish = leader().result().finish;
  return nothing;
}

void ChainGroup::add_counts(GenerateStats& stats) const {
  stats.prompt_tokens += leader().prompt_tokens();
  stats.reused_tokens += leader().reused_tokens();
  for (const auto& chain : chains_) {
    if (!chain) continue;
    stats.generated_tokens += static_cast<std::int64_t>(chain->result().tokens.size());
    stats.drafted_tokens += chain->drafted_tokens();
    stats.accepted_tokens += chain->accepted_tokens();
  }
}

}  // namespace jielong
