#pragma once

#include "model/layers/layer.h"
#include "tensor/ops/project.h"

namespace jielong {

/// Layers side by side: Σ f_i(norm(x)), added in order. Attention beside Mamba-2 (Falcon-H1),
/// experts beside one that sees every token.
class Parallel : public Layer {
 public:
  std::vector<std::shared_ptr<Layer>> layers;

  Tensor forward(ModelPass& pass, const Input& input) const override;
  std::vector<Weight*> matrices() override;
  void freeze() override;
};

/// sigmoid(w · norm(x)) · f(norm(x)): a layer that each token opens by one number.
class Opened : public Layer {
 public:
  Linear open;  ///< (1, channels)
  std::shared_ptr<Layer> layer;

  Tensor forward(ModelPass& pass, const Input& input) const override;
  std::vector<Weight*> matrices() override;
  void freeze() override { layer->freeze(); }
};

}  // namespace jielong
