#pragma once

#include <cstdint>

#include "tensor/kernels/attention_kernels.h"

/// What the scheduling of attention over whole sequences (tensor/sequence_attention.cpp) and its
/// kernels (tensor/kernels/sequence_attention.inl) agree on.
namespace jielong {

/// Queries and keys are taken in blocks of this many rows, aligned at a sequence's first row: a
/// block of scores and all that it is made of stay in the second-level cache.
constexpr std::int64_t kSequenceBlock = 64;

/// One query head of one sequence with the key/value head it reads. Row 0 is the sequence's first;
/// strides are in floats.
struct SequenceHead {
  std::int64_t length = 0;
  std::int64_t key_dim = 0, value_dim = 0;
  std::int64_t key_stride = 0, value_stride = 0;  ///< the dims rounded up to 16: rows of scratch
  std::int64_t window = 0;
  bool causal = true;
  float scale = 1, soft_cap = 0;

  const float *q = nullptr, *k = nullptr, *v = nullptr;
  std::int64_t q_stride = 0, k_stride = 0, v_stride = 0;
  float* out = nullptr;
  std::int64_t out_stride = 0;
  /// log Σ exp(score) of every row, `sums_stride` apart; null when nobody wants it.
  float* log_sums = nullptr;
  std::int64_t sums_stride = 0;

  // Backward only.
  const float* d_out = nullptr;
  std::int64_t d_out_stride = 0;
  const float* means = nullptr;  ///< Σ d_out · out of every row, `sums_stride` apart
  float* dq = nullptr;
  std::int64_t dq_stride = 0;
};

/// A block of queries of one head on its way through the keys; b = kSequenceBlock.
struct SequenceQueries {
  SequenceHead head;
  std::int64_t block = 0;
  float* queries = nullptr;  ///< (b, key_stride), scaled
  float* mixed = nullptr;    ///< (b, value_stride) Σ weight · value; backward: d_out
  float* largest = nullptr;  ///< (b) largest score so far
  float* sum = nullptr;      ///< (b) Σ exp(score − largest)
};

/// What one thread knows of a block of keys, and room for its scores.
struct SequenceScratch {
  float* keys = nullptr;      ///< (b, key_stride)
  float* keys_t = nullptr;    ///< (key_stride, b)
  float* values = nullptr;    ///< (b, value_stride)
  float* values_t = nullptr;  ///< (value_stride, b)
  float* scores = nullptr;    ///< (b, b) then the weights of keys
  float* tops = nullptr;      ///< (b) largest scores of the block at hand
  float* shrink = nullptr;    ///< (b) what earlier weights are multiplied by
  // Backward only.
  float* d_scores = nullptr;  ///< (b, b)
  float* dq = nullptr;        ///< (b, key_stride)
  float* dk = nullptr;        ///< (b, key_stride)
  float* dv = nullptr;        ///< (b, value_stride)
};

struct SequenceAttentionKernels {
  /// Writes the outputs of `count` blocks of queries that share a key/value head, and their
  /// log_sums: a block of keys is made ready once for all.
  void (*attend)(const SequenceQueries* queries, std::int64_t count,
                 const SequenceScratch& scratch);
  /// Makes a block of keys and values ready; its gradients in scratch become 0.
  void (*start_keys)(const SequenceHead& head, std::int64_t block, const SequenceScratch& scratch);
  /// From one block of queries: adds to scratch.dk and scratch.dv, overwrites scratch.dq.
  void (*backward)(const SequenceQueries& queries, std::int64_t key_block,
                   const SequenceScratch& scratch);
  /// Writes scratch.dq to head.dq, or adds it to what lies there, for a block of rows.
  void (*finish_queries)(const SequenceHead& head, std::int64_t block,
                         const SequenceScratch& scratch, bool add);
  /// Writes scratch.dk and scratch.dv, or adds them to what lies there, for a block of rows.
  void (*finish_keys)(const SequenceHead& head, std::int64_t block, const SequenceScratch& scratch,
                      float* dk, std::int64_t dk_stride, bool add_dk, float* dv,
                      std::int64_t dv_stride, bool add_dv);
};

}  // namespace jielong
