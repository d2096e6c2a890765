#include "model/layers/recurrent.h"

#include "model/kv_cache.h"

namespace jielong {

std::vector<StateRows> Recurrent::state_rows(const ModelPass& pass) const {
  std::vector<StateRows> result;
  result.reserve(pass.batch.sequences.size());
  for (const SequenceRows& rows : pass.batch.sequences) {
    float* state =
        rows.cache != nullptr ? rows.cache->state(state_layer + pass.state_offset) : nullptr;
    result.push_back({rows.first_row, rows.count, state});
  }
  return result;
}

}  // namespace jielong
