#include "generate/generator.h"

#include <algorithm>

#include "base/error.h"

namespace jielong {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

std::size_t Generator::add(std::span<const Token> prompt, const GenerateOptions& options,
                           std::int64_t n, CachedPrefix cache) {
  if (n < 1) throw bad_input("the number of chains must be at least 1", "n");
  const std::size_t first = chains_.size();
  chains_.push_back(
      std::make_unique<Chain>(runner_, tokenizer_, prompt, options, 0, std::move(cache)));
  chunks_.push_back(options.prefill_chunk);
  for (std::int64_t index = 1; index < n; ++index) {
    waiting_.push_back({first, chains_.size(), index});
    chains_.push_back(nullptr);
    chunks_.push_back(options.prefill_chunk);
  }
  return first;
}

void Generator::start_siblings(std::size_t leader, const Logits& logits, std::int64_t row,
                               const OnToken& on_token) {
  const auto mine = std::partition(waiting_.begin(), waiting_.end(),
                                   [&](const Waiting& w) { return w.leader != leader; });
  std::vector<Waiting> ready(mine, waiting_.end());
  waiting_.erase(mine, waiting_.end());
  std::sort(ready.begin(), ready.end(),
            [](const Waiting& a, const Waiting& b) { return a.index < b.index; });
  for (const Waiting& sibling : ready) {
    chains_[sibling.number] = chains_[leader]->fork(sibling.index);
  }
  chains_[leader]->take(logits, row, on_token);
  for (const Waiting& sibling : ready) chains_[sibling.number]->take(logits, row, on_token);
}

bool Generator::step(const OnToken& on_token) {
  const auto begin = std::chrono::steady_clock::now();
  std::vector<Slice> slices;
  std::vector<std::size_t> live;
  bool prefill = false;
  for (std::size_t i = 0; i < chains_.size(); ++i) {
    if (!chains_[i] || chains_[i]->finished()) continue;
    prefill = prefill || chains_[i]->prefilling() || chains_[i]->result().tokens.empty();
    slices.push_back(chains_[i]->next_slice(chunks_[i]));
    live.push_back(i);
  }
  if (slices.empty()) return false;
  const Logits logits = runner_.evaluate(slices);
  for (const std::size_t i : live) chains_[i]->commit();

  std::int64_t appended = 0;
  const OnToken counted = [&](const TokenEvent& event) {
    if (event.token != TokenEvent::kNoToken) ++appended;
    return !on_token || on_token(event);
  };
  std::int64_t row = 0;
  for (const std::size_t i : live) {
    const std::int64_t rows = chains_[i]->rows();
    if (chains_[i]->awaits_dice()) {
      const bool first = chains_[i]->result().tokens.empty();
      if (first && !waiting_.empty()) {
        start_siblings(i, logits, row, counted);
      } else {
        chains_[i]->take(logits, row, counted);
      }
    }
    row += rows;
  }
  times_.generated_tokens += appended;
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

void Generator::cancel_all(const OnToken& on_token) {
  for (const auto& chain : chains_) {
    if (chain) chain->cancel(on_token);
  }
}

void Generator::run(const OnToken& on_token, const std::atomic<bool>* cancel) {
  do {
    if (cancel != nullptr && cancel->load(std::memory_order_relaxed)) cancel_all(on_token);
  } while (step(on_token));
}

ChainResult Generator::result(std::size_t number) const {
  if (chains_[number]) return chains_[number]->result();
  // Its leader ended before there was anything to share.
  ChainResult nothing;
  for (const Waiting& w : waiting_) {
    if (w.number == number) nothing.finish = chains_[w.leader]->result().finish;
  }
  return nothing;
}

GenerateStats Generator::stats() const {
  GenerateStats stats = times_;
  for (const auto& chain : chains_) {
    if (!chain) continue;
    if (chain->index() == 0) {
      stats.prompt_tokens += chain->prompt_tokens();
      stats.reused_tokens += chain->reused_tokens();
    }
    stats.drafted_tokens += chain->drafted_tokens();
    stats.accepted_tokens += chain->accepted_tokens();
  }
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
