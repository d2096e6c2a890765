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
  Linear open;                               ///< (heads · value_dim, channels); may be absent: the
                                             ///< sigmoid that opens each output (Qwen3-Next)
  std::optional<Norm> query_norm, key_norm;  ///< over the channels of each head
  std::shared_ptr<const Rope> rope;          ///< none: positions are added elsewhere
  /// (1) λ of value residual learning (Zhou et al., 2024): values become (1 − λ) · own + λ · those
  /// of the first layer. Absent: their own alone.
  WeightVector value_mix;
  bool gives_first_value = false;  ///< this is the first layer, and later ones mix its values in
  AttentionParams params;
  KvLayout shape;                ///< kv_heads, key_dim and value_dim
  std::int64_t cache_layer = 0;  ///< which pages of the cache are this layer's

  Tensor forward(ModelPass& pass, const Input& input) const override;
  Tensor forward_add(ModelPass& pass, const Input& input, const Tensor& sum) const override;
  std::vector<Weight*> matrices() override;

 private:
  struct Projected {
    Tensor q, k, v;
  };

  Tensor mix(ModelPass& pass, const Input& input) const;
  /// Whether sequences are attended to as a whole, which can be differentiated: when a tape
  /// records, and, so that a model under training computes alike without one, when weights are not
  /// packed and nothing is cached.
  bool evaluates_whole(const Pass& pass, const Batch& batch) const;
  Tensor attend_whole(ModelPass& pass, Projected of) const;
  /// Keys and values go into pages, of the cache or of the arena.
  Tensor attend_pages(ModelPass& pass, const Projected& of) const;
  void place_row(const RopeTable* table, std::int64_t row, float* q, float* k) const;
};

}  // namespace jielong
