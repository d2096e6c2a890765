#pragma once

#include "model/layers/layer.h"
#include "tensor/ops/project.h"

namespace jielong {

/// down(activation(gate(x)) ⊙ up(x)): the gated feed-forward layer (Shazeer, 2020),
/// thought about one token at a time.
class GatedFeedForward : public Layer {
 public:
  Linear gate, up;  ///< (hidden, channels)
  Linear down;      ///< (channels, hidden)
  Activation activation = Activation::silu;

  Tensor forward(ModelPass& pass, const Input& input) const override;
  Tensor forward_add(ModelPass& pass, const Input& input, const Tensor& sum) const override;
  std::vector<Weight*> matrices() override;
};

/// down(activation(up(x))), as in the first Transformer.
class FeedForward : public Layer {
 public:
  Linear up;    ///< (hidden, channels)
  Linear down;  ///< (channels, hidden)
  Activation activation = Activation::gelu_tanh;

  Tensor forward(ModelPass& pass, const Input& input) const override;
  Tensor forward_add(ModelPass& pass, const Input& input, const Tensor& sum) const override;
  std::vector<Weight*> matrices() override;

 private:
  Tensor hidden(ModelPass& pass, const Input& input) const;
};

/// Mixture of experts: a router picks `used` of the gated feed-forward layers for every
/// token and mixes their outputs by its probabilities (Shazeer et al., 2017).
class Experts : public Layer {
 public:
  Linear router;  ///< (experts, channels)
  std::vector<GatedFeedForward> experts;
  std::int64_t used = 1;
  bool normalize_weights = true;  ///< the chosen experts' weights sum to one

  Tensor forward(ModelPass& pass, const Input& input) const override;
  std::vector<Weight*> matrices() override;
};

}  // namespace jielong
