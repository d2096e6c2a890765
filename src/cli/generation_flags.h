#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/constraint_flags.h"
#include "generate/generate_options.h"
#include "token/tokenizer.h"

namespace jielong::cli {

/// The flags that say how to continue a chain.
struct GenerationFlags {
  /// Long enough for a long answer, short enough that a small model which only repeats itself
  /// does not go on until the context is full.
  static constexpr std::int64_t kDefaultMaxTokens = 2048;

  SamplerSettings sampling;
  ConstraintFlags form;
  std::int64_t max_tokens = kDefaultMaxTokens;
  std::optional<std::uint64_t> seed;
  std::int64_t mirostat = 0;
  std::string order;
  std::vector<std::string> logit_bias, stop, breakers;
  bool ignore_end = false;
  bool context_shift = false;
  std::int64_t keep = 0;
  bool show_special = false;
  std::int64_t logprobs = -1;
  std::int64_t dice = 0;  ///< --show-dice: candidates to draw

  /// Declares them on `command`; this must outlive it.
  void declare(Command& command);
  /// The options they amount to. Without --seed the seed is `fallback_seed`. Throws
  /// Error(bad_input) naming the flag.
  GenerateOptions options(const Tokenizer& tokenizer, std::uint64_t fallback_seed) const;
  /// "temp 0.8, top-k 40, …": the steps that do something, for people.
  std::string describe(const Tokenizer& tokenizer) const;
};

/// A seed nobody chose.
std::uint64_t random_seed();

}  // namespace jielong::cli
