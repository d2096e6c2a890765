#include "tensor/reference/attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace jielong::reference {

template <typename Number>
void attend(const KvLayout& layout, const AttentionParams& params, const Number* q,
            std::int64_t position, std::int64_t length, const Number* keys, const Number* values,
            double* out) {
  const std::int64_t end = params.causal ? std::min(position + 1, length) : length;
  const std::int64_t begin = params.causal && params.window > 0
                                 ? std::max<std::int64_t>(0, position + 1 - params.window)
                                 : 0;
  const std::int64_t group = params.heads / layout.kv_heads;
  std::vector<double> weights(static_cast<std::size_t>(std::max<std::int64_t>(0, end - begin)));
  for (std::int64_t h = 0; h < params.heads; ++h) {
    const std::int64_t shared = h / group;
    double largest = -INFINITY, sum = 0;
    for (std::int64_t p = begin; p < end; ++p) {
      const Number* key = keys + (p * layout.kv_heads + shared) * layout.key_dim;
      double score = 0;
      for (std::int64_t i = 0; i < layout.key_dim; ++i) {
        score += static_cast<double>(q[h * layout.key_dim + i]) * static_cast<double>(key[i]);
      }
      score *= static_cast<double>(params.scale);
      const double cap = static_cast<double>(params.soft_cap);
      if (cap > 0) score = cap * std::tanh(score / cap);
      weights[static_cast<std::size_t>(p - begin)] = score;
      largest = std::max(largest, score);
    }
    for (double& weight : weights) {
      weight = std::exp(weight - largest);
      sum += weight;
    }
    double* row = out + h * layout.value_dim;
    std::fill(row, row + layout.value_dim, 0.0);
    for (std::int64_t p = begin; p < end; ++p) {
      const Number* value = values + (p * layout.kv_heads + shared) * layout.value_dim;
      const double share = weights[static_cast<std::size_t>(p - begin)] / sum;
      for (std::int64_t i = 0; i < layout.value_dim; ++i) {
        row[i] += share * static_cast<double>(value[i]);
      }
    }
  }
}

template void attend(const KvLayout&, const AttentionParams&, const float*, std::int64_t,
                     std::int64_t, const float*, const float*, double*);
template void attend(const KvLayout&, const AttentionParams&, const double*, std::int64_t,
                     std::int64_t, const double*, const double*, double*);

}  // namespace jielong::reference
