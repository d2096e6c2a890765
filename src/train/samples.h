#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "model/model.h"
#include "token/tokenizer.h"
#include "train/observer.h"

namespace jielong {

struct SampleSettings {
  std::vector<std::string> prompts;  ///< an empty one is BOS, or END where there is no BOS
  std::int64_t tokens = 64;
  double temperature = 0.8;  ///< 0: always the most probable token
  std::uint64_t seed = 1;    ///< the same dice every time, so that samples can be compared
};

/// Continues every prompt with the model as it is now; `step` of the samples is left at 0. The
/// model may be under training: nothing of it is kept.
std::vector<TrainingSample> continue_prompts(const std::shared_ptr<const Model>& model,
                                             ThreadPool& pool, const SampleSettings& settings);

/// Bytes of text that each token of the vocabulary stands for, for TrainerOptions::token_bytes; 0
/// for control tokens.
std::vector<std::int32_t> token_bytes(const Tokenizer& tokenizer);

}  // namespace jielong
