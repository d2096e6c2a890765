#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/random.h"
#include "generate/distribution.h"
#include "token/token.h"

namespace jielong {

/// What a sampler may look at: the chain so far and the chain's own dice.
struct SamplerContext {
  std::span<const Token> history;  ///< prompt and answer, oldest first
  std::size_t prompt_length = 0;   ///< how many of them are prompt
  Rng* rng = nullptr;
};

/// One step between the model's distribution and the dice: it reweights or removes
/// candidates. Whatever depends on the past is computed from the history, so that a chain
/// can be rolled back; the few that learn from their own choices do it in accept().
class Sampler {
 public:
  virtual ~Sampler() = default;
  /// The step's name as in SamplerSettings::order, for instance "top-k".
  virtual std::string_view name() const = 0;
  /// The step with its values, for people: "top-k 40".
  virtual std::string describe() const = 0;
  virtual void apply(Distribution& distribution, const SamplerContext& context) = 0;
  /// Told of the token chosen and its final probability.
  virtual void accept(Token token, double probability);
  virtual std::unique_ptr<Sampler> clone() const = 0;
};

/// The bytes of a token; samplers that match text ask for them.
using PieceOf = std::function<std::string(Token)>;

}  // namespace jielong
