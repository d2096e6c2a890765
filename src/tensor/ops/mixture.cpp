#include "tensor/ops/mixture.h"

#include <algorithm>
#include <memory>
#include <numeric>

#include "tensor/ops/gradient_rows.h"
#include "tensor/ops/rows.h"
#include "tensor/tape.h"
#include "tensor/vector.h"
#include "tensor/vector_backward.h"

namespace jielong {
namespace {

/// dL/dweight of each of a row's visits becomes dL/dp of its experts, added to `gradient`
/// (experts). Weights that sum to one are w_i = p_i / Σ p_j, so dp_i = (dw_i − Σ dw_j · w_j) / Σ
/// p_j.
void add_weight_gradients(std::span<const Routing::Visit> visits, bool normalized,
                          const std::vector<float>& weight_gradients, const float* probabilities,
                          float* gradient) {
  float total = 1, mean = 0;
  if (normalized) {
    total = 0;
    for (std::size_t i = 0; i < visits.size(); ++i) {
      total += probabilities[visits[i].expert];
      mean += weight_gradients[i] * visits[i].weight;
    }
  }
  for (std::size_t i = 0; i < visits.size(); ++i) {
    gradient[visits[i].expert] += (weight_gradients[i] - mean) / total;
  }
}

struct Mixed {
  Tensor probabilities, y;
  Routing routing;
  std::vector<Tensor> results;

  std::span<const Routing::Visit> visits_of(std::int64_t row) const {
    return std::span(routing.visits)
        .subspan(static_cast<std::size_t>(row * routing.used),
                 static_cast<std::size_t>(routing.used));
  }
};

void backward(Pass& pass, const Mixed& mixed) {
  Tape& tape = *pass.tape();
  const Tensor dy = tape.gradient(mixed.y);
  if (!dy) return;
  std::vector<Tensor> result_gradients(mixed.results.size());
  for (std::size_t e = 0; e < mixed.results.size(); ++e) {
    if (mixed.results[e]) result_gradients[e] = added_gradient(pass.pool(), tape, mixed.results[e]);
  }
  const Tensor gradient = added_gradient(pass.pool(), tape, mixed.probabilities);
  pass.pool().for_range(dy.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> weight_gradients(static_cast<std::size_t>(mixed.routing.used));
    for (std::int64_t row = begin; row < end; ++row) {
      const auto visits = mixed.visits_of(row);
      for (std::size_t i = 0; i < visits.size(); ++i) {
        const auto expert = static_cast<std::size_t>(visits[i].expert);
        const std::int64_t place = visits[i].place;
        vectors().add_scaled(visits[i].weight, dy.row(row), result_gradients[expert].row(place),
                             dy.channels);
        weight_gradients[i] =
            backward_vectors().dot(dy.row(row), mixed.results[expert].row(place), dy.channels);
      }
      add_weight_gradients(visits, mixed.routing.normalized, weight_gradients,
                           mixed.probabilities.row(row), gradient.row(row));
    }
  });
}

}  // namespace

Routing route(const Tensor& probabilities, std::int64_t used, bool normalize_weights) {
  Routing routing{used, normalize_weights, {}, {}};
  routing.visits.reserve(static_cast<std::size_t>(probabilities.rows * used));
  routing.rows.resize(static_cast<std::size_t>(probabilities.channels));
  std::vector<std::int64_t> order(routing.rows.size());
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
      auto& rows = routing.rows[static_cast<std::size_t>(expert)];
      routing.visits.push_back({expert, static_cast<std::int64_t>(rows.size()), p[expert] / total});
      rows.push_back(row);
    }
  }
  return routing;
}

Tensor mix(Pass& pass, const Tensor& probabilities, const Routing& routing,
           std::span<const Tensor> results, std::int64_t channels) {
  Mixed mixed{probabilities,
              pass.empty(probabilities.rows, channels),
              routing,
              {results.begin(), results.end()}};
  const Tensor y = mixed.y;
  for_rows(pass.pool(), y.rows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      std::fill_n(y.row(row), channels, 0.0f);
      for (const Routing::Visit& visit : mixed.visits_of(row)) {
        const Tensor& result = results[static_cast<std::size_t>(visit.expert)];
        vectors().add_scaled(visit.weight, result.row(visit.place), y.row(row), channels);
      }
    }
  });
  if (Tape* tape = pass.tape()) {
    tape->record([&pass, mixed = std::move(mixed)] { backward(pass, mixed); });
  }
  return y;
}

double balance_loss(Pass& pass, const Tensor& probabilities, const Routing& routing, float weight) {
  const auto rows = static_cast<double>(probabilities.rows);
  const auto experts = static_cast<double>(probabilities.channels);
  std::vector<double> means(static_cast<std::size_t>(probabilities.channels));
  for (std::int64_t row = 0; row < probabilities.rows; ++row) {
    for (std::size_t e = 0; e < means.size(); ++e) {
      means[e] += static_cast<double>(probabilities.row(row)[e]) / rows;
    }
  }
  double sum = 0;
  std::vector<float> slopes;  // of the loss, by expert
  for (std::size_t e = 0; e < means.size(); ++e) {
    const double share = static_cast<double>(routing.rows[e].size()) / rows;
    sum += experts * share * means[e];
    slopes.push_back(static_cast<float>(static_cast<double>(weight) * experts * share / rows));
  }
  if (Tape* tape = pass.tape()) {
    tape->record([&pass, tape, probabilities, slopes = std::move(slopes)] {
      const Tensor gradient = added_gradient(pass.pool(), *tape, probabilities);
      for (std::int64_t row = 0; row < gradient.rows; ++row) {
        vectors().add_scaled(1.0f, slopes.data(), gradient.row(row), gradient.channels);
      }
    });
  }
  return sum;
}

}  // namespace jielong
