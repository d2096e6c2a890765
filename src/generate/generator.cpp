#include "generate/generator.h"

#include <utility>

namespace jielong {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

std::size_t Generator::add(std::span<const Token> prompt, const GenerateOptions& options,
                           std::int64_t n, CachedPrefix cache) {
  groups_.emplace_back(runner_, tokenizer_, prompt, options, n, std::move(cache));
  const std::size_t first = places_.size();
  for (std::size_t i = 0; i < groups_.back().size(); ++i) {
    places_.push_back({groups_.size() - 1, i});
  }
  return first;
}

/// The dice of one chain of the batch; of its whole request when they are the first.
void Generator::draw(std::size_t entry, const Logits& logits, const OnToken& on_token) {
  Chain& chain = batch_.chain(entry);
  ChainGroup& group = groups_[batch_groups_[entry]];
  const bool others_wait = group.waits_for(chain);
  if (others_wait) group.branch();
  chain.take(logits, batch_.row(entry), on_token);
  for (std::size_t i = 1; others_wait && i < group.size(); ++i) {
    group.chain(i)->take(logits, batch_.row(entry), on_token);
  }
}

bool Generator::step(const OnToken& on_token) {
  const auto begin = std::chrono::steady_clock::now();
  batch_.clear();
  batch_groups_.clear();
  bool prefill = false;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    for (std::size_t i = 0; i < groups_[g].size(); ++i) {
      Chain* chain = groups_[g].chain(i);
      if (chain == nullptr || chain->finished()) continue;
      prefill = prefill || chain->prefilling() || chain->result().tokens.empty();
      batch_.add(*chain, chain->options().prefill_chunk);
      batch_groups_.push_back(g);
    }
  }
  if (batch_.size() == 0) return false;
  const Logits logits = batch_.evaluate(runner_);

  std::int64_t appended = 0;
  const OnToken counted = [&](const TokenEvent& event) {
    if (event.token != TokenEvent::kNoToken) ++appended;
    return !on_token || on_token(event);
  };
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    if (batch_.chain(i).awaits_dice()) draw(i, logits, counted);
  }
  if (appended > 0 && times_.first_token_seconds == 0) {
    times_.first_token_seconds = seconds_since(start_);
  }
  if (prefill) {
    times_.prefill_seconds += seconds_since(begin);
  } else {
    times_.decode_seconds += seconds_since(begin);
    times_.decoded_tokens += appended;
  }
  return true;
}

void Generator::run(const OnToken& on_token, const std::atomic<bool>* cancel) {
  do {
    if (cancel != nullptr && cancel->load(std::memory_order_relaxed)) {
      for (ChainGroup& group : groups_) group.cancel(on_token);
    }
  } while (step(on_token));
}

ChainResult Generator::result(std::size_t number) const {
  return groups_[places_[number].group].result(places_[number].index);
}

CachedPrefix Generator::release(std::size_t number) {
  return groups_[places_[number].group].chain(places_[number].index)->release();
}

GenerateStats Generator::stats() const {
  GenerateStats stats = times_;
  for (const ChainGroup& group : groups_) group.add_counts(stats);
  return stats;
}

GenerateResult generate(Runner& runner, const Tokenizer* tokenizer, std::span<const Token> prompt,
                        const GenerateOptions& options, std::int64_t n, const OnToken& on_token,
                        const std::atomic<bool>* cancel) {
  Generator generator(runner, tokenizer);
  generator.add(prompt, options, n);
  generator.run(on_token, cancel);
  GenerateResult result;
  result.chains.resize(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < result.chains.size(); ++i) {
    result.chains[i] = generator.result(i);
  }
  result.stats = generator.stats();
  return result;
}

}  // namespace jielong
