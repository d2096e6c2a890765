#pragma once

#include <cstdint>
#include <vector>

#include "train/batch_source.h"

namespace jielong {

/// The rows of a batch that have targets, which are all that a head has to look at.
struct CountedRows {
  explicit CountedRows(const TrainingBatch& batch);

  Batch batch;                         ///< the same, with those rows as output
  std::vector<std::int32_t> targets;   ///< (output rows)
  std::vector<std::int32_t> sequence;  ///< (output rows) whose row it is
};

}  // namespace jielong
