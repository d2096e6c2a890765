#pragma once

#include <atomic>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "evaluate/share.h"
#include "model/model_runner.h"

namespace jielong {

/// How alike a model's inner states of the two texts of each pair are, behind one layer.
struct StateSimilarity {
  std::int64_t layer = 0;  ///< 0: the embeddings; n: behind layer n
  double same = 0;         ///< mean cosine of the two texts of a pair
  double other = 0;        ///< mean cosine of texts of different pairs
  /// How often the nearest of all second texts is the pair's own, and the other way round.
  Share retrieval;
};

/// Two texts that mean the same, for instance in two languages.
using TextPair = std::pair<std::string, std::string>;

/// Compares the states of each text, averaged over its tokens without BOS and its like, behind
/// every layer of the model (Johnson et al. 2017 looked at them so in translation). The runner's
/// tap is replaced. Needs two pairs at least; texts may not exceed the context. Throws
/// Error(cancelled) once `cancel` is true.
std::vector<StateSimilarity> measure_state_similarity(ModelRunner& runner,
                                                      std::span<const TextPair> pairs,
                                                      const std::atomic<bool>* cancel = nullptr);

/// The comparison itself: (pairs, channels) vectors of the first and the second texts.
StateSimilarity compare_states(std::span<const std::vector<float>> first,
                               std::span<const std::vector<float>> second);

}  // namespace jielong
