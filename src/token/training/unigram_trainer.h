#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "token/training/training_words.h"

namespace jielong {

struct UnigramTraining {
  std::size_t pieces = 8000;      ///< to learn, characters included
  std::size_t max_chars = 16;     ///< of a piece
  std::size_t seeds = 1'000'000;  ///< pieces to begin with
  double shrink = 0.75;           ///< the share that survives a round of pruning
  /// Rare characters that make up less than the rest of the text get no piece of their own.
  double coverage = 1.0;
  /// Characters that share pieces only with each other, so that no word sticks to a line break.
  std::u32string breaks = U"\n\r\t";
};

/// What Unigram learns: pieces with their log-probabilities, best first.
struct LearntUnigram {
  struct Piece {
    std::string text;
    double score;
  };
  std::vector<Piece> pieces;
  /// −log p of the text by its best segmentation, in nats a character.
  double loss = 0;
};

/// The unigram language model of Kudo 2018: begin with the frequent substrings, fit their
/// probabilities by expectation maximisation (with the sparse prior of Liang et al. 2007), drop
/// those whose loss would cost least, until `pieces` are left; then fit those once more. Every
/// sum is over integers, so the result is the same at any number of threads. Throws
/// Error(bad_input) when the text has more characters than `pieces`.
LearntUnigram train_unigram(const TrainingWords& words, const UnigramTraining& options,
                            ThreadPool& pool, const TrainingProgress& progress = {});

}  // namespace jielong
