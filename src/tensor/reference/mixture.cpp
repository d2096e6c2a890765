#include "tensor/reference/mixture.h"

#include <algorithm>
#include <numeric>

#include "tensor/reference/vector.h"

namespace jielong::reference {
namespace {

std::vector<std::size_t> likeliest(const std::vector<double>& probabilities, std::int64_t used) {
  std::vector<std::size_t> order(probabilities.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return probabilities[a] > probabilities[b];
  });
  order.resize(static_cast<std::size_t>(used));
  return order;
}

}  // namespace

std::vector<double> mix(std::span<const double> scores, std::int64_t used, bool normalized,
                        std::span<const double> results, std::int64_t channels) {
  const std::vector<double> probabilities = softmax(scores);
  const std::vector<std::size_t> chosen = likeliest(probabilities, used);
  double total = 1;
  if (normalized) {
    total = 0;
    for (const std::size_t expert : chosen) total += probabilities[expert];
  }
  std::vector<double> y(static_cast<std::size_t>(channels));
  for (const std::size_t expert : chosen) {
    for (std::size_t c = 0; c < y.size(); ++c) {
      y[c] += probabilities[expert] / total * results[expert * y.size() + c];
    }
  }
  return y;
}

double balance_loss(std::span<const double> scores, std::int64_t experts, std::int64_t used) {
  const auto count = static_cast<std::size_t>(experts);
  const std::size_t rows = scores.size() / count;
  std::vector<double> shares(count), means(count);
  for (std::size_t row = 0; row < rows; ++row) {
    const std::vector<double> probabilities = softmax(scores.subspan(row * count, count));
    for (const std::size_t expert : likeliest(probabilities, used)) shares[expert] += 1;
    for (std::size_t e = 0; e < count; ++e) means[e] += probabilities[e];
  }
  double sum = 0;
  for (std::size_t e = 0; e < count; ++e) sum += shares[e] * means[e];
  const auto n = static_cast<double>(rows);
  return static_cast<double>(experts) * sum / (n * n);
}

}  // namespace jielong::reference
