#include <algorithm>

#include "model/layers/feed_forward.h"
#include "tensor/ops/mixture.h"
#include "tensor/ops/rows.h"
#include "tensor/ops/scores.h"

namespace jielong {

Tensor Experts::forward(ModelPass& model_pass, const Input& input) const {
  Pass& pass = model_pass.pass;
  const Tensor x = input.norm != nullptr ? normalize(pass, *input.norm, input.x) : input.x;
  const Tensor probabilities = softmax(pass, project(pass, nullptr, x, router));
  const Routing routing = route(probabilities, used, normalize_weights);
  if (model_pass.balance_weight > 0) {
    model_pass.balance_loss +=
        balance_loss(pass, probabilities, routing, model_pass.balance_weight);
  }

  // Unless a tape comes back to it, an expert's memory is given to the next one, its results kept.
  const bool recorded = pass.tape() != nullptr;
  const Tensor kept = recorded ? Tensor{} : pass.empty(x.rows * used, x.channels);
  std::int64_t first = 0;
  std::vector<Tensor> results(experts.size());
  for (std::size_t e = 0; e < experts.size(); ++e) {
    const std::vector<std::int64_t>& rows = routing.rows[e];
    if (rows.empty()) continue;
    const PassScope scope(pass);
    const Tensor y = experts[e].forward(model_pass, {gather_rows(pass, x, rows), nullptr});
    results[e] = y;
    if (recorded) continue;
    results[e] = {kept.row(first), y.rows, y.channels, y.channels};
    std::copy_n(y.data, y.rows * y.channels, results[e].data);
    first += y.rows;
  }
  return mix(pass, probabilities, routing, results, x.channels);
}

std::vector<Weight*> Experts::matrices() {
  std::vector<Weight*> all{&router.weight};
  for (GatedFeedForward& expert : experts) {
    const std::vector<Weight*> own = expert.matrices();
    all.insert(all.end(), own.begin(), own.end());
  }
  return all;
}

}  // namespace jielong
