#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "generate/constraint/constraint.h"
#include "model/runner.h"
#include "token/token.h"

namespace jielong {

struct BeamOptions {
  std::int64_t beams = 4;
  std::int64_t results = 1;  ///< at most `beams`
  std::int64_t max_tokens = 64;
  /// A finished chain's score is its log-probability / length^length_penalty: above 0
  /// favours long chains, below 0 short ones.
  double length_penalty = 1;
  /// Stop as soon as `beams` chains have finished, even if a running one could still win.
  bool early_stopping = false;
  std::vector<Token> end_tokens;
  std::int64_t prefill_chunk = 512;
  /// What the text may look like; none: anything. Scores stay those of the model.
  MakeConstraint constraint;
};

struct BeamResult {
  std::vector<Token> tokens;  ///< appended tokens, the END token included
  double logprob = 0;         ///< Σ ln p of the tokens
  double score = 0;           ///< after the length penalty
};

/// The most probable continuations that a search `beams` wide finds, best first, with
/// transformers' scoring. Beams share their common beginning through Runner::fork; the
/// sequences of losers are closed. Throws Error(limit) when prompt and max_tokens exceed
/// the context, Error(cancelled) once `cancel` is true, and what the constraint throws.
std::vector<BeamResult> beam_search(Runner& runner, std::span<const Token> prompt,
                                    const BeamOptions& options,
                                    const std::atomic<bool>* cancel = nullptr);

}  // namespace jielong
