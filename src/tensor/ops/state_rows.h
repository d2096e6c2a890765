#pragma once

#include <cstdint>

namespace jielong {

/// Consecutive rows of a pass that belong to one sequence, and where a recurrent op keeps
/// what it remembers of the sequence.
struct StateRows {
  std::int64_t first_row = 0;
  std::int64_t count = 0;
  /// Read before the first row, updated after the last. Null: the sequence begins here and
  /// nothing is kept.
  float* state = nullptr;
};

}  // namespace jielong
