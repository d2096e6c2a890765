#include "model/layers/parallel.h"

#include "tensor/ops/add.h"
#include "tensor/ops/squash.h"

namespace jielong {

Tensor Parallel::forward(ModelPass& pass, const Input& input) const {
  Tensor sum = layers.front()->forward(pass, input);
  for (std::size_t i = 1; i < layers.size(); ++i) {
    sum = add(pass.pass, layers[i]->forward(pass, input), sum);
  }
  return sum;
}

std::vector<Weight*> Parallel::matrices() {
  std::vector<Weight*> all;
  for (const auto& layer : layers) {
    const std::vector<Weight*> own = layer->matrices();
    all.insert(all.end(), own.begin(), own.end());
  }
  return all;
}

void Parallel::freeze() {
  for (const auto& layer : layers) layer->freeze();
}

Tensor Opened::forward(ModelPass& pass, const Input& input) const {
  return gate(pass.pass, Squash::sigmoid, project(pass.pass, input.norm, input.x, open),
              layer->forward(pass, input));
}

std::vector<Weight*> Opened::matrices() {
  std::vector<Weight*> all = layer->matrices();
  all.push_back(&open.weight);
  return all;
}

}  // namespace jielong
