#include <algorithm>
#include <numeric>

#include "model/layers/feed_forward.h"

namespace jielong {
namespace {

/// One token's visit to one expert.
struct Visit {
  std::int64_t row;
  std::int64_t rank;  ///< place among the token's experts, the likeliest first
  float weight;
};

/// Which tokens each expert sees, in row order. `probabilities` is (rows, experts).
std::vector<std::vector<Visit>> route(const Tensor& probabilities, std::int64_t used,
                                      bool normalize_weights) {
  std::vector<std::vector<Visit>> visits(static_cast<std::size_t>(probabilities.channels));
  std::vector<std::int64_t> order(visits.size());
  for (std::int64_t row = 0; row < probabilities.rows; ++row) {
    const float* p = probabilities.row(row);
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(
        order.begin(), order.begin() + used, order.end(),
        [p](std::int64_t a, std::int64_t b) { return p[a] != p[b] ? p[a] > p[b] : a < b; });
    float total = 1;
    if (normalize_weights) {
      total = 0;
      for (std::int64_t i = 0; i < used; ++i) total += p[order[static_cast<std::size_t>(i)]];
    }
    for (std::int64_t i = 0; i < used; ++i) {
      const std::int64_t expert = order[static_cast<std::size_t>(i)];
      visits[static_cast<std::size_t>(expert)].push_back({row, i, p[expert] / total});
    }
  }
  return visits;
}

}  // namespace

Tensor Experts::forward(ModelPass& model_pass, const Input& input) const {
  Pass& pass = model_pass.pass;
  const Tensor x = input.norm != nullptr ? normalize(pass, *input.norm, input.x) : input.x;
  const Tensor probabilities = project(pass, nullptr, x, router);
  for (std::int64_t i = 0; i < x.rows; ++i) {
    vectors().softmax(probabilities.row(i), probabilities.channels);
  }

  // Each token's outputs are kept apart by rank and summed in that order, so that the
  // result does not depend on which other tokens an expert sees.
  const Tensor outputs = pass.empty(x.rows * used, x.channels);
  const auto visits = route(probabilities, used, normalize_weights);
  for (std::size_t e = 0; e < experts.size(); ++e) {
    if (visits[e].empty()) continue;
    const ArenaScope scope(pass.arena());
    const Tensor gathered = pass.empty(static_cast<std::int64_t>(visits[e].size()), x.channels);
    for (std::size_t i = 0; i < visits[e].size(); ++i) {
      std::copy_n(x.row(visits[e][i].row), x.channels, gathered.row(static_cast<std::int64_t>(i)));
    }
    const Tensor y = experts[e].forward(model_pass, {gathered, nullptr});
    for (std::size_t i = 0; i < visits[e].size(); ++i) {
      const Visit& visit = visits[e][i];
      float* place = outputs.row(visit.row * used + visit.rank);
      std::fill_n(place, x.channels, 0.0f);
      vectors().add_scaled(visit.weight, y.row(static_cast<std::int64_t>(i)), place, x.channels);
    }
  }
  const Tensor sum = pass.empty(x.rows, x.channels);
  for (std::int64_t i = 0; i < x.rows; ++i) {
    std::copy_n(outputs.row(i * used), x.channels, sum.row(i));
    for (std::int64_t rank = 1; rank < used; ++rank) {
      vectors().add_scaled(1.0f, outputs.row(i * used + rank), sum.row(i), x.channels);
    }
  }
  return sum;
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
