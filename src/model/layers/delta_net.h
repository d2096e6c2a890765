#pragma once

#include "model/layers/recurrent.h"
#include "tensor/ops/conv.h"
#include "tensor/ops/project.h"
#include "tensor/ops/scan.h"

namespace jielong {

/// Gated DeltaNet (Yang et al., 2024), as in Qwen3-Next: linear attention whose memory forgets
/// by a gate and is corrected by what it has wrong. Keys and queries have unit length.
class DeltaNet : public Recurrent {
 public:
  Linear query, key;   ///< (key heads · key_dim, channels)
  Linear value, open;  ///< (heads · value_dim, channels)
  Linear rate, step;   ///< (heads, channels): β before the sigmoid, Δ before the softplus
  CausalConv conv_query, conv_key, conv_value;
  Norm unit;  ///< without gain: makes the length of a head's channels √key_dim
  LinearScan scan;
  Norm norm;      ///< (value_dim), of each head
  Linear output;  ///< (channels, heads · value_dim)

  /// Sets what follows from the heads' shape: `scan` and `unit`.
  void set_heads(std::int64_t key_heads, std::int64_t heads, std::int64_t key_dim,
                 std::int64_t value_dim);

  Tensor forward(ModelPass& pass, const Input& input) const override;
  Tensor forward_add(ModelPass& pass, const Input& input, const Tensor& sum) const override;
  std::vector<Weight*> matrices() override;
  std::int64_t state_floats() const override {
    return conv_query.state_floats() + conv_key.state_floats() + conv_value.state_floats() +
           scan.state_floats();
  }

 private:
  Tensor mix(ModelPass& pass, const Input& input) const;
};

}  // namespace jielong
