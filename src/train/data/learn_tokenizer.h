#pragma once

#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "token/training/tokenizer_trainer.h"
#include "train/data/learning_format.h"
#include "train/data/prepare.h"

namespace jielong {

struct LearnTokenizerReport {
  TrainedTokenizer trained;
  std::uint64_t documents = 0;
  std::uint64_t bytes = 0;  ///< of text
};

/// Learns a tokenizer from all text of some sources: plain text, and of JSON lines and Parquet
/// every field of `fields` that a record has. Throws Error(bad_input) with file and line for broken
/// records.
/// @param max_bytes  read no more text than that; 0: all
LearnTokenizerReport learn_tokenizer(const std::vector<DataSource>& sources,
                                     const TokenizerTraining& settings, std::uint64_t max_bytes,
                                     ThreadPool& pool, const TrainingProgress& progress = {});

}  // namespace jielong
