#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generate/constraint/constraint.h"
#include "generate/drafter.h"
#include "generate/sampler_chain.h"
#include "generate/sampler_settings.h"
#include "token/token.h"

namespace jielong {

/// How a chain is continued and when it ends.
struct GenerateOptions {
  SamplerSettings sampling;
  std::uint64_t seed = 0;

  /// The most tokens to append; negative: until something else ends the chain.
  std::int64_t max_tokens = -1;
  /// Forbid END tokens, so that only a count or a stop string ends the chain.
  bool ignore_end = false;
  /// The tokens that end the chain; empty: those of the tokenizer's vocabulary.
  std::vector<Token> end_tokens;
  /// Texts that end the chain and are left out of it, wherever token borders lie.
  std::vector<std::string> stop;
  /// Control tokens appear in the text by their names.
  bool show_special = false;
  /// Control tokens, none of them END, that appear by their names even so.
  std::vector<Token> shown_tokens;
  /// So many of the prompt's last tokens are the beginning of the answer: the text goes on
  /// behind them, even in the middle of a character.
  std::int64_t continued_tokens = 0;

  /// The most prompt tokens evaluated at once; more hold up the other chains of a batch.
  std::int64_t prefill_chunk = 512;
  /// When the context is full: false ends the chain; true keeps the first `shift_keep`
  /// tokens, drops the older half of the rest and goes on, having evaluated the younger
  /// half again. The model forgets what was dropped.
  bool context_shift = false;
  std::int64_t shift_keep = 0;

  /// What the text may look like; none: anything. Other tokens are ruled out before the first
  /// sampler; log-probabilities stay those of the model. With `ignore_end`, or without END
  /// tokens, a text that is complete ends the chain as if END had been drawn.
  MakeConstraint constraint;

  /// Report the log-probability of each token and of that many best ones, under the
  /// model's own distribution before any sampler; negative: none.
  std::int64_t logprobs = -1;
  /// Report that many candidates of the distribution before and after each sampler; 0: none.
  std::int64_t trace_top = 0;

  /// Speculative decoding: makes each chain's drafter; none: off.
  std::function<std::unique_ptr<Drafter>()> drafter;
  std::int64_t max_draft = 8;  ///< tokens drafted at once
};

enum class FinishReason : std::uint8_t {
  none,          ///< not finished
  end_token,     ///< the model ended the chain
  stop_string,   ///< a stop text appeared
  length,        ///< max_tokens was reached
  context_full,  ///< the context holds no more
  cancelled      ///< the caller stopped it
};

std::string_view name(FinishReason reason);

/// A token with its natural-log probability.
struct TokenLogprob {
  Token token = 0;
  double logprob = 0;
};

/// Tells of one appended token.
struct TokenEvent {
  static constexpr Token kNoToken = -1;

  std::int64_t chain = 0;  ///< index of the chain in its request
  Token token = kNoToken;  ///< kNoToken when only held-back text follows a cancellation
  std::string_view text;   ///< the complete characters now certain to belong to the text
  double logprob = 0;      ///< with GenerateOptions::logprobs ≥ 0
  std::span<const TokenLogprob> top_logprobs;
  const DiceTrace* trace = nullptr;  ///< with GenerateOptions::trace_top > 0
  bool drafted = false;              ///< the token had been guessed by the drafter
  FinishReason finish = FinishReason::none;
  std::string_view stopped_by;  ///< with FinishReason::stop_string: the stop text found
};

/// Called once a token; returning false cancels the chain.
using OnToken = std::function<bool(const TokenEvent&)>;

/// A continuation, as far as it has come.
struct ChainResult {
  std::vector<Token> tokens;                            ///< appended tokens, the END token included
  std::string text;                                     ///< without END token and stop text
  std::vector<double> logprobs;                         ///< one a token, when asked for
  std::vector<std::vector<TokenLogprob>> top_logprobs;  ///< one list a token, when asked for
  FinishReason finish = FinishReason::none;
  std::string stopped_by;  ///< the stop text found
};

/// Counts and times of a request.
struct GenerateStats {
  std::int64_t prompt_tokens = 0;     ///< in the prompt
  std::int64_t reused_tokens = 0;     ///< of those, already evaluated before
  std::int64_t generated_tokens = 0;  ///< over all chains
  std::int64_t decoded_tokens = 0;    ///< of those, appended by steps without prompt tokens
  std::int64_t drafted_tokens = 0;
  std::int64_t accepted_tokens = 0;  ///< of those drafted
  double queue_seconds = 0;          ///< in a scheduler's line
  double prefill_seconds = 0;
  double decode_seconds = 0;
  double first_token_seconds = 0;  ///< from the start of the request

  double prompt_tokens_per_second() const;
  double tokens_per_second() const;
  /// Accepted over drafted tokens, 0 without any.
  double acceptance() const;
};

}  // namespace jielong
