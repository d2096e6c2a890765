#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "generate/sampler_chain.h"
#include "model/runner.h"
#include "token/token.h"

namespace jielong {

/// A guess at the tokens that follow.
struct Draft {
  std::vector<Token> tokens;
  /// The distribution each token was drawn from, by rising token. Empty when the tokens
  /// were not drawn but determined by the history.
  std::vector<std::vector<TokenProbability>> proposals;
};

/// Guesses cheaply what the model will say; the model then checks a whole guess in one
/// evaluation. Guesses cost time, never correctness.
class Drafter {
 public:
  virtual ~Drafter() = default;
  /// At most `most` tokens that may follow the history of `chain`.
  virtual Draft propose(const SamplerChain& chain, std::int64_t most) = 0;
};

/// Prompt look-up (Saxena 2023): where the last tokens, `longest` of them down to
/// `shortest`, have occurred before, what followed then is the guess. It costs nothing and
/// helps where answers quote: summaries, code edits, retrieval.
std::unique_ptr<Drafter> make_lookup_drafter(std::int64_t longest = 4, std::int64_t shortest = 2);

struct ModelDrafterOptions {
  /// true: the draft model's most probable tokens; the same seed then gives the same bytes
  /// as without speculation. false: tokens drawn from the draft model through the same
  /// sampler chain, which are accepted more often at high temperature; the distribution of
  /// outputs stays exact, the bytes of one seed change.
  bool greedy = false;
  /// Stops guessing where the draft model's best token has less probability than this.
  double min_probability = 0.3;
  std::uint64_t seed = 0;
};

/// A smaller model with the same vocabulary guesses (Leviathan et al. 2023, Chen et al.
/// 2023). `model` must outlive the drafter. Throws Error when the sizes of the
/// vocabularies differ.
std::unique_ptr<Drafter> make_model_drafter(Runner& model, std::int64_t vocabulary,
                                            const ModelDrafterOptions& options = {});

/// One step of exact rejection sampling: `target` is the distribution the token must
/// follow, `proposal` the one that `guess` was drawn from. Returns the guess or a token
/// drawn from the normalized positive part of target − proposal; either way the result is
/// distributed as `target`.
struct Verdict {
  TokenProbability chosen;
  bool accepted = false;
};
Verdict judge(const Distribution& target, const std::vector<TokenProbability>& proposal,
              Token guess, Rng& rng);

}  // namespace jielong
