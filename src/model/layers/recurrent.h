#pragma once

#include <vector>

#include "model/layers/layer.h"
#include "tensor/ops/state_rows.h"

namespace jielong {

/// A layer that remembers a sequence in a state of constant size instead of looking back at
/// all of it.
class Recurrent : public Layer {
 public:
  std::int64_t state_layer = 0;  ///< which part of a sequence's state is this layer's

  /// Floats that a sequence's state takes in this layer.
  virtual std::int64_t state_floats() const = 0;

 protected:
  /// The pass's sequences with their states; those without a cache begin empty.
  std::vector<StateRows> state_rows(const ModelPass& pass) const;
};

}  // namespace jielong
