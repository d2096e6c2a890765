#pragma once

#include <span>

#include "generate/chain.h"
#include "model/runner.h"
#include "token/token.h"

namespace jielong {

/// The scores, (vocabulary), of what may follow `tokens`; valid until the runner's next
/// evaluation. Only what `cache` does not hold is evaluated; it holds all of `tokens`
/// afterwards. Throws Error(bad_input) without tokens, Error(limit) beyond the context.
std::span<const float> next_logits(Runner& runner, std::span<const Token> tokens,
                                   CachedPrefix& cache);

}  // namespace jielong
