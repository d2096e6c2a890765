#include "model/layers/feed_forward.h"

#include "tensor/ops/activation.h"

namespace jielong {

Tensor GatedFeedForward::forward(ModelPass& pass, const Input& input) const {
  const Tensor hidden = project_gated(pass.pass, input.norm, input.x, gate, up, activation);
  return project(pass.pass, nullptr, hidden, down);
}

Tensor GatedFeedForward::forward_add(ModelPass& pass, const Input& input, const Tensor& sum) const {
  const Tensor hidden = project_gated(pass.pass, input.norm, input.x, gate, up, activation);
  return project_add(pass.pass, hidden, down, sum);
}

std::vector<Weight*> GatedFeedForward::matrices() {
  return {&gate.weight, &up.weight, &down.weight};
}

Tensor FeedForward::hidden(ModelPass& pass, const Input& input) const {
  return activate(pass.pass, activation, project(pass.pass, input.norm, input.x, up));
}

Tensor FeedForward::forward(ModelPass& pass, const Input& input) const {
  return project(pass.pass, nullptr, hidden(pass, input), down);
}

Tensor FeedForward::forward_add(ModelPass& pass, const Input& input, const Tensor& sum) const {
  return project_add(pass.pass, hidden(pass, input), down, sum);
}

std::vector<Weight*> FeedForward::matrices() { return {&up.weight, &down.weight}; }

}  // namespace jielong
