#include "model/layers/feed_forward.h"

namespace jielong {

Tensor GatedFeedForward::forward(ModelPass& pass, const Input& input) const {
  const Tensor hidden = project_gated(pass.pass, input.norm, input.x, gate, up, activation);
  return project(pass.pass, nullptr, hidden, down);
}

void GatedFeedForward::forward_add(ModelPass& pass, const Input& input, const Tensor& sum) const {
  const Tensor hidden = project_gated(pass.pass, input.norm, input.x, gate, up, activation);
  project_add(pass.pass, hidden, down, sum);
}

std::vector<Weight*> GatedFeedForward::matrices() {
  return {&gate.weight, &up.weight, &down.weight};
}

Tensor FeedForward::hidden(ModelPass& pass, const Input& input) const {
  const Tensor y = project(pass.pass, input.norm, input.x, up);
  pass.pass.pool().for_range(y.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      vectors().activate(activation, y.row(i), y.channels);
    }
  });
  return y;
}

Tensor FeedForward::forward(ModelPass& pass, const Input& input) const {
  return project(pass.pass, nullptr, hidden(pass, input), down);
}

void FeedForward::forward_add(ModelPass& pass, const Input& input, const Tensor& sum) const {
  project_add(pass.pass, hidden(pass, input), down, sum);
}

std::vector<Weight*> FeedForward::matrices() { return {&up.weight, &down.weight}; }

}  // namespace jielong
