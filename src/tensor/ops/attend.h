#pragma once

#include <cstdint>
#include <vector>

#include "tensor/attention.h"
#include "tensor/pass.h"

namespace jielong {

/// Attention of sequences that lie side by side and have no cache, (rows, heads · value_dim), a new
/// tensor; see SequenceAttention for the shapes. A tape keeps the log of the sum of each query's
/// weights, (rows, heads), and computes the weights again when it runs back.
Tensor attend(Pass& pass, const KvLayout& shape, const AttentionParams& params,
              std::vector<std::int64_t> borders, const Tensor& q, const Tensor& k, const Tensor& v);

}  // namespace jielong
