#pragma once

#include <cstdint>

#include "base/thread_pool.h"
#include "tensor/vector.h"

namespace jielong {

/// What normalisation found in a row: y = (x − mean) · factor, before gain and bias.
struct RowNorm {
  float mean;    ///< 0 for root-mean-square norms
  float factor;  ///< 1 / sqrt(mean square or variance + eps)
};

/// Backward steps of the operations of VectorKernels on one row of n channels: from dL/dy to dL/dx.
/// Reductions run over fixed lanes and a fixed tree. With `add`, gradients are added to what lies
/// there, else written. dx may be dy.
struct BackwardKernels {
  /// Of rms_norm; gain may be null. Returns what the gain's gradient needs.
  RowNorm (*rms_norm)(const float* x, const float* gain, float eps, const float* dy, float* dx,
                      bool add, std::int64_t n);
  /// Of layer_norm; gain may be null.
  RowNorm (*layer_norm)(const float* x, const float* gain, float eps, const float* dy, float* dx,
                        bool add, std::int64_t n);
  /// dgain[i] += dy[i] · (x[i] − mean) · factor: one row's part of a gain's gradient, or some
  /// columns of it.
  void (*norm_gain)(const float* x, RowNorm norm, const float* dy, float* dgain, std::int64_t n);
  /// Of y = activation(x).
  void (*activate)(Activation activation, const float* x, const float* dy, float* dx, bool add,
                   std::int64_t n);
  /// Of y = activation(gate) · up; either result may be dy.
  void (*gated)(Activation activation, const float* gate, const float* up, const float* dy,
                float* dgate, float* dup, bool add, std::int64_t n);
  /// Of y = soft_cap(x), from y.
  void (*soft_cap)(float cap, const float* y, const float* dy, float* dx, bool add, std::int64_t n);
  /// Of y = softmax(x), from y.
  void (*softmax)(const float* y, const float* dy, float* dx, bool add, std::int64_t n);
  /// −log softmax(logits)[target], in f64 but for the exponentials; the logits become the gradient
  /// of `scale` times that: scale · (softmax(logits) − one_hot(target)).
  double (*cross_entropy)(float* logits, std::int64_t target, float scale, std::int64_t n);
  /// y[i] = x[i] · z[i], added to what lies there with `add`.
  void (*multiply)(const float* x, const float* z, float* y, bool add, std::int64_t n);
  /// Σ x[i] · y[i].
  float (*dot)(const float* x, const float* y, std::int64_t n);
  /// Σ x[i]², in f64 but for the squares.
  double (*sum_of_squares)(const float* x, std::int64_t n);
};

/// The kernels of the active instruction set.
const BackwardKernels& backward_vectors();

/// Σ x[i]² of a large array: blocks of fixed size, added up in order.
double sum_of_squares(ThreadPool& pool, const float* x, std::int64_t n);

}  // namespace jielong
