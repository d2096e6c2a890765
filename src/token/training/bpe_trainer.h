#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "token/token.h"
#include "token/training/training_words.h"

namespace jielong {

struct BpeTraining {
  std::size_t vocabulary = 32000;         ///< tokens, special ones and bytes included
  std::uint64_t min_frequency = 0;        ///< pairs that are rarer are not merged
  std::vector<std::string> special = {};  ///< the first tokens, in this order
  bool all_bytes = true;                  ///< tokens for bytes that the text does not have, too
  /// Keep only so many bytes, the most frequent ones; the others are dropped from the text.
  std::optional<std::size_t> limit_alphabet = std::nullopt;
  std::size_t max_token_bytes = 0;  ///< longer ones are not made; 0: no limit
};

/// What byte-level BPE learns.
struct LearntBpe {
  /// (tokens) Spelled in GPT-2 letters: special tokens, bytes in the order of their letters,
  /// merges.
  std::vector<std::string> pieces;
  /// Most important first.
  std::vector<std::pair<Token, Token>> merges;
};

/// Byte-pair encoding (Sennrich et al. 2016) over bytes: the most frequent pair of neighbours
/// becomes a token, again and again; of equally frequent ones the pair with the smaller left token,
/// then the smaller right one. Tokens and merges equal those of Hugging Face's BpeTrainer on words
/// cut by ByteLevel; where that leaves the choice to a hash map (letters of equal frequency at
/// limit_alphabet), the smaller letter stays. The same at any number of threads.
LearntBpe train_bpe(const TrainingWords& words, const BpeTraining& options, ThreadPool& pool,
                    const TrainingProgress& progress = {});

}  // namespace jielong
