#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "generate/chain.h"
#include "generate/chain_batch.h"
#include "generate/chain_group.h"

namespace jielong {

/// Continues chains over one runner, all of them one step per evaluation. A chain's bytes
/// depend on its prompt, options, seed and index alone, not on its company.
class Generator {
 public:
  /// @param tokenizer gives the text of tokens; null: tokens only. Both must outlive it.
  explicit Generator(Runner& runner, const Tokenizer* tokenizer = nullptr)
      : runner_(runner), tokenizer_(tokenizer) {}

  /// Begins `n` chains on one prompt, which is evaluated once. Returns the number of the
  /// first; they are numbered consecutively. See Chain for `cache` and errors.
  std::size_t add(std::span<const Token> prompt, const GenerateOptions& options, std::int64_t n = 1,
                  CachedPrefix cache = {});

  /// One evaluation for every unfinished chain, then the dice of those whose prompt is
  /// complete. Returns false when no chain was unfinished.
  bool step(const OnToken& on_token = {});

  /// Steps until all chains are finished. Once `cancel` is true (set by another thread or
  /// a signal handler) the chains end as cancelled.
  void run(const OnToken& on_token = {}, const std::atomic<bool>* cancel = nullptr);

  std::size_t size() const { return places_.size(); }
  /// What chain `number` has appended so far.
  ChainResult result(std::size_t number) const;
  /// Gives away the first chain of a request's keys and values, for a chat's next turn.
  CachedPrefix release(std::size_t number);
  GenerateStats stats() const;

 private:
  /// Where chain `number` is found.
  struct Place {
    std::size_t group, index;
  };
  void draw(std::size_t entry, const Logits& logits, const OnToken& on_token);

  Runner& runner_;
  const Tokenizer* tokenizer_;
  std::deque<ChainGroup> groups_;  // a callback may add one
  std::vector<Place> places_;
  ChainBatch batch_;
  std::vector<std::size_t> batch_groups_;  // whose chain each one of the batch is
  GenerateStats times_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// A whole request in one call: the chains' results in order of their index.
struct GenerateResult {
  std::vector<ChainResult> chains;
  GenerateStats stats;
};
GenerateResult generate(Runner& runner, const Tokenizer* tokenizer, std::span<const Token> prompt,
                        const GenerateOptions& options, std::int64_t n = 1,
                        const OnToken& on_token = {}, const std::atomic<bool>* cancel = nullptr);

}  // namespace jielong
