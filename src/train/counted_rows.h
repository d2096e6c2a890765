#pragma once

#include <cstdint>
#include <vector>

#include "train/batch_source.h"

namespace jielong {

/// What a batch's output rows are to predict.
struct CountedRows {
  /// Throws Error(internal) for a batch that contradicts itself.
  explicit CountedRows(const TrainingBatch& batch);

  std::vector<std::int32_t> targets;   ///< (output rows)
  std::vector<std::int32_t> sequence;  ///< (output rows) whose row it is
};

}  // namespace jielong
