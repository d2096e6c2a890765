#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "model/runner.h"
#include "token/tokenizer.h"

namespace jielong {

struct PerplexityOptions {
  /// Tokens in a window; 0: the smaller of 512 and the runner's context.
  std::int64_t window = 0;
  /// How far each window begins behind the last; 0: `window`, so that they do not overlap.
  std::int64_t stride = 0;
  /// Windows measured at most; 0: all.
  std::int64_t max_windows = 0;
};

struct PerplexityResult {
  double perplexity = 0;      ///< exp of the mean negative log-likelihood
  double error = 0;           ///< standard error of `perplexity`
  double nats_per_token = 0;  ///< the mean negative log-likelihood
  double bits_per_byte = 0;   ///< comparable between tokenizers
  std::int64_t scored_tokens = 0;
  std::int64_t windows = 0;
  double seconds = 0;
};

/// Called after each window with the result so far and the number of windows there will be.
using OnWindow = std::function<void(const PerplexityResult& so_far, std::int64_t windows)>;

/// How well the model predicts `tokens`, by llama.cpp's method: the text is cut into
/// windows, every window is evaluated on its own (its first token replaced by BOS where the
/// model expects one), and the tokens of its second half are scored, so that each has at
/// least half a window of context. Overlapping windows (`stride` < `window`) score only what
/// no earlier window scored, but never the first half. `tokenizer` gives BOS and the bytes of
/// tokens. Throws Error(bad_input) when the text is shorter than two windows' halves,
/// Error(cancelled) once `cancel` is true.
PerplexityResult measure_perplexity(Runner& runner, const Tokenizer& tokenizer,
                                    std::span<const Token> tokens,
                                    const PerplexityOptions& options = {},
                                    const OnWindow& on_window = {},
                                    const std::atomic<bool>* cancel = nullptr);

}  // namespace jielong
