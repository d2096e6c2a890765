#pragma once

#include <memory>
#include <optional>

#include "model/layers/layer.h"
#include "tensor/attention.h"
#include "tensor/ops/project.h"

namespace jielong {

/// Self-attention: the layer that considers all inputs (Vaswani et al., 2017), with
/// grouped key/value heads, rotary positions and norms of queries and keys where the
/// architecture has them.
class Attention : public Layer {
 public:
  Linear query;                              ///< (heads · key_dim, channels)
  Linear key;                                ///< (kv_heads · key_dim, channels)
  Linear value;                              ///< (kv_heads · value_dim, channels)
  Linear output;                             ///< (channels, heads · value_dim)
  std::optional<Norm> query_norm, key_norm;  ///< over the channels of each head
  std::shared_ptr<const Rope> rope;          ///< none: positions are added elsewhere
  AttentionParams params;
  KvLayout shape;                ///< kv_heads, key_dim and value_dim
  std::int64_t cache_layer = 0;  ///< which pages of the cache are this layer's

  Tensor forward(ModelPass& pass, const Input& input) const override;
  void forward_add(ModelPass& pass, const Input& input, const Tensor& sum) const override;
  std::vector<Weight*> matrices() override;

 private:
  Tensor mix(ModelPass& pass, const Input& input) const;
  void place_row(const RopeTable* table, std::int64_t row, float* q, float* k) const;
};

}  // namespace jielong
