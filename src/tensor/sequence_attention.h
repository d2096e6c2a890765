#pragma once

#include <cstdint>
#include <span>

#include "base/thread_pool.h"
#include "tensor/attention.h"
#include "tensor/tensor.h"

namespace jielong {

/// Self-attention of whole sequences that lie side by side: every query's keys are rows of the same
/// matrices, so there are no pages. Memory beyond inputs and outputs does not grow with length.
struct SequenceAttention {
  KvLayout shape;  ///< kv_heads, key_dim, value_dim; the type is f32 whatever it says
  AttentionParams params;
  /// Sequence s is the rows [borders[s], borders[s + 1]); the first border is 0, the last one the
  /// number of rows. Nothing is seen across borders.
  std::span<const std::int64_t> borders;
  Tensor q;  ///< (rows, heads · key_dim), row 0 of a sequence at position 0
  Tensor k;  ///< (rows, kv_heads · key_dim)
  Tensor v;  ///< (rows, kv_heads · value_dim)
};

/// out (rows, heads · value_dim) = softmax(scale · q · kᵀ) v over what each query may see.
///
/// @param log_sums (rows, heads) log Σ exp(score) for attend_sequences_backward(); may be null
///
/// The same bytes at any thread count. Throws Error when shapes do not fit together.
void attend_sequences(ThreadPool& pool, const SequenceAttention& attention, const Tensor& out,
                      const Tensor& log_sums);

/// A gradient, and whether to add to what lies there or to write it.
struct GradientSum {
  Tensor tensor;
  bool add = false;
};

/// From `d_out` = dL/d out to the gradients of q, k and v. Computes the scores again, block by
/// block (Dao et al., 2022).
///
/// @param means (rows, heads) scratch memory, rows side by side
void attend_sequences_backward(ThreadPool& pool, const SequenceAttention& attention,
                               const Tensor& out, const Tensor& log_sums, const Tensor& d_out,
                               const Tensor& means, const GradientSum& dq, const GradientSum& dk,
                               const GradientSum& dv);

}  // namespace jielong
