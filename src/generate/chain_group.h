#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "generate/chain.h"

namespace jielong {

/// The `n` chains of one request. The first evaluates the prompt; when its logits are
/// there, the others begin as copies that share its pages, each with dice of its own.
class ChainGroup {
 public:
  /// See Chain for the arguments and errors; Error(bad_input) when `n` is not positive.
  ChainGroup(Runner& runner, const Tokenizer* tokenizer, std::span<const Token> prompt,
             const GenerateOptions& options, std::int64_t n, CachedPrefix cache = {});

  std::size_t size() const { return chains_.size(); }
  /// Null while it has not begun.
  Chain* chain(std::size_t index) const { return chains_[index].get(); }
  Chain& leader() const { return *chains_.front(); }

  /// Whether the first dice of `chain` will be everybody's first.
  bool waits_for(const Chain& chain) const {
    return !branched_ && size() > 1 && &chain == chains_.front().get();
  }
  /// Begins the others, while the leader awaits its first dice. All of them throw their
  /// first dice on the leader's logits.
  void branch();

  /// Whether no chain goes on.
  bool finished() const;
  void cancel(const OnToken& on_token);
  ChainResult result(std::size_t index) const;
  /// Adds the counts, but not the times.
  void add_counts(GenerateStats& stats) const;

 private:
  std::vector<std::unique_ptr<Chain>> chains_;
  bool branched_ = false;
};

}  // namespace jielong
