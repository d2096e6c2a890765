#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "generate/drafter.h"
#include "generate/softmax.h"

namespace jielong {
namespace {

class ModelDrafter final : public Drafter {
 public:
  ModelDrafter(Runner& model, const ModelDrafterOptions& options)
      : model_(model), options_(options), rng_(options.seed), sequence_(model.open()) {}
  ModelDrafter(const ModelDrafter&) = delete;
  ModelDrafter& operator=(const ModelDrafter&) = delete;
  ~ModelDrafter() override { model_.close(sequence_); }

  Draft propose(const SamplerChain& chain, std::int64_t most) override {
    const auto history = chain.history();
    const auto length = static_cast<std::int64_t>(history.size());
    most = std::min(most, model_.context_length() - length);
    Draft draft;
    if (most <= 0 || history.empty()) return draft;

    SamplerChain dice = chain;
    dice.set_rng(rng_);
    std::span<const float> row = catch_up(history);
    while (true) {
      // Whether to go on must not depend on the token drawn, or the draws would be biased.
      const double best = std::exp(static_cast<double>(largest_of(row)) - log_sum_exp(row));
      if (!(best >= options_.min_probability)) break;
      const Distribution& distribution = dice.shape(row);
      const TokenProbability chosen = options_.greedy ? distribution.top(1).front() : dice.roll();
      if (!options_.greedy) draft.proposals.push_back(distribution.probabilities());
      draft.tokens.push_back(chosen.token);
      dice.accept(chosen);
      if (static_cast<std::int64_t>(draft.tokens.size()) >= most) break;
      row = append(std::span(&draft.tokens.back(), 1));
    }
    rng_ = dice.rng();
    return draft;
  }

 private:
  /// Brings the draft model's chain to `history` and returns the logits after it.
  std::span<const float> catch_up(std::span<const Token> history) {
    const auto limit = std::min(known_.size(), history.size() - 1);
    const auto same = static_cast<std::size_t>(
        std::mismatch(known_.begin(), known_.begin() + static_cast<std::ptrdiff_t>(limit),
                      history.begin())
            .first -
        known_.begin());
    if (same < known_.size()) {
      model_.truncate(sequence_, static_cast<std::int64_t>(same));
      known_.resize(same);
    }
    std::span<const float> row;
    constexpr std::size_t kChunk = 512;
    for (std::size_t at = same; at < history.size(); at += kChunk) {
      row = append(history.subspan(at, std::min(kChunk, history.size() - at)));
    }
    return row;
  }

  std::span<const float> append(std::span<const Token> tokens) {
    const Slice slice{sequence_, tokens, false};
    const Logits logits = model_.evaluate(std::span(&slice, 1));
    known_.insert(known_.end(), tokens.begin(), tokens.end());
    return logits.row(logits.rows - 1);
  }

  Runner& model_;
  ModelDrafterOptions options_;
  Rng rng_;
  SequenceId sequence_;
  std::vector<Token> known_;  // what the draft model's chain holds
};

}  // namespace

std::unique_ptr<Drafter> make_model_drafter(Runner& model, std::int64_t vocabulary,
                                            const ModelDrafterOptions& options) {
  if (model.vocabulary() != vocabulary) {
    throw bad_input(
        fmt::format("the draft model has a vocabulary of {} tokens, the model one of {}",
                    model.vocabulary(), vocabulary),
        "draft model", "use a smaller model of the same family");
  }
  return std::make_unique<ModelDrafter>(model, options);
}

}  // namespace jielong
