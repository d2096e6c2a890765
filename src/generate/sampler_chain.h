#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "generate/distribution.h"
#include "generate/sampler.h"
#include "generate/sampler_settings.h"

namespace jielong {

/// The distribution as it left one step.
struct DiceStep {
  std::string sampler;      ///< "model" for the untouched distribution, then the sampler's name
  std::string description;  ///< "top-k 40"
  std::int64_t survivors = 0;
  std::vector<TokenProbability> top;  ///< by falling probability
};

/// How one token was chosen: step i + 1 shows what sampler i + 1 made of step i.
struct DiceTrace {
  std::vector<DiceStep> steps;
  TokenProbability chosen;  ///< with its probability in the last step
};

/// The random stream of chain `index` of a request: chain 0 has the plain seed, so that it
/// says the same whether or not others run beside it.
Rng chain_rng(std::uint64_t seed, std::uint64_t index);

/// Tokens that may come next, whatever the samplers say.
struct AllowedTokens {
  std::string_view name;                ///< of who says so: a step of the trace
  std::span<const std::uint64_t> mask;  ///< as Constraint::allowed()
};

/// Samplers in order, then the dice; with the history they look at.
class SamplerChain {
 public:
  SamplerChain(const SamplerSettings& settings, Rng rng, PieceOf piece_of = {});
  SamplerChain(const SamplerChain& other);
  SamplerChain& operator=(const SamplerChain& other);
  SamplerChain(SamplerChain&&) = default;
  SamplerChain& operator=(SamplerChain&&) = default;

  /// Sets the tokens before the answer.
  void start(std::span<const Token> prompt);

  /// Runs every step over `logits`, (vocabulary), and returns the distribution the dice
  /// would see, valid until the next call. What is not `allowed`, if given, goes first. With
  /// `trace_top` > 0 `trace` gets every step's survivors and its `trace_top` most probable tokens.
  Distribution& shape(std::span<const float> logits, std::int64_t trace_top = 0,
                      DiceTrace* trace = nullptr, const AllowedTokens* allowed = nullptr);
  /// Throws the dice on what shape() returned last.
  TokenProbability roll();
  /// Appends the chosen token to the history and tells the samplers.
  void accept(const TokenProbability& chosen);

  /// shape, roll and accept in one.
  TokenProbability sample(std::span<const float> logits, std::int64_t trace_top = 0,
                          DiceTrace* trace = nullptr);

  std::span<const Token> history() const { return history_; }
  std::size_t prompt_length() const { return prompt_length_; }
  Rng& rng() { return rng_; }
  void set_rng(const Rng& rng) { rng_ = rng; }

 private:
  std::vector<std::unique_ptr<Sampler>> samplers_;
  std::vector<Token> history_;
  std::size_t prompt_length_ = 0;
  Rng rng_;
  Distribution distribution_;
};

}  // namespace jielong
