#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/attention.h"
#include "tensor/kernels/inline.h"

/// What the scheduling of attention (tensor/attention.cpp) and its kernels
/// (tensor/kernels/attention.inl) agree on.
namespace jielong {

/// Positions are reduced in chunks of this many, aligned at 0: within a chunk with one
/// maximum, chunk after chunk by the rule of online softmax (Milakov and Gimelshein, 2018).
/// Small enough that one decoded token splits evenly over threads, large enough that
/// merging costs nothing to speak of. A multiple of KvLayout::kPositions.
constexpr std::int64_t kAttentionChunk = 128;

/// Channels of q8_0 that share a scale.
constexpr std::int64_t kKvBlock = 32;

/// Where things lie in a page. Every head has its own part, one after the other:
///   keys          (key_dim, kPositions)                      elements
///   key scales    (⌈key_dim / 32⌉, kPositions)               f16, q8_0 only
///   values        (⌈value_dim / 64⌉, kPositions, 64)         elements, last block narrower
///   value scales  (⌈value_dim / 32⌉, kPositions)             f16, q8_0 only
/// so that 16 positions of a key channel and 16 channels of a value are neighbours, and a
/// pass over either reads memory in order. Offsets in bytes, multiples of 64.
struct KvGeometry {
  static constexpr std::int64_t kValueWidth = 64;

  KvType type = KvType::f32;
  std::int64_t key_dim = 0, value_dim = 0;
  std::int64_t value_stride = 0;  ///< value_dim rounded up to 16
  std::size_t key_scales = 0, values = 0, value_scales = 0, head_bytes = 0;
};

/// Throws Error for a layout without channels or beyond all reason.
KvGeometry kv_geometry(const KvLayout& layout);

/// The query rows of some consecutive positions that share one key/value head, as rows
/// (query, head of the group).
struct AttentionTask {
  const KvGeometry* geometry = nullptr;
  std::byte* const* pages = nullptr;
  std::int64_t kv_head = 0;
  std::int64_t group = 0;  ///< query heads that share the key/value head
  std::int64_t queries = 0;
  std::int64_t first_position = 0;  ///< of the first query
  std::int64_t length = 0;          ///< positions stored
  std::int64_t window = 0;          ///< 0: none
  bool causal = true;
  float scale = 1, soft_cap = 0;
  const float* q = nullptr;  ///< first query, first head of the group
  float* out = nullptr;      ///< same place in the output
  std::int64_t q_stride = 0, out_stride = 0;

  std::int64_t rows() const { return queries * group; }
};

/// Positions [begin, end).
struct Positions {
  std::int64_t begin, end;
};

/// What query `index` of the task may see.
JIELONG_KERNEL Positions visible(const AttentionTask& task, std::int64_t index) {
  if (!task.causal) return {0, task.length};
  const std::int64_t after = task.first_position + index + 1;
  const std::int64_t begin = task.window > 0 && after > task.window ? after - task.window : 0;
  return {begin, after < task.length ? after : task.length};
}

/// Softmax-weighted sums over some positions, not yet divided by the sum of weights.
/// A row that has seen nothing has sum 0 and the lowest score as its largest, so that merging
/// it changes nothing.
struct AttentionState {
  float* largest = nullptr;  ///< (rows) largest score
  float* sum = nullptr;      ///< (rows) Σ exp(score − largest)
  float* values = nullptr;   ///< (rows, value_stride) Σ exp(score − largest) · value
};

/// One thread's memory.
struct AttentionScratch {
  float* queries = nullptr;  ///< (rows, key_dim), scaled
  float* scores = nullptr;   ///< (rows, kAttentionChunk)
  float* page = nullptr;     ///< (max(key_dim, value_stride), kPositions): keys or values as f32
  float* scales = nullptr;   ///< (⌈max(key_dim, value_dim) / 32⌉, kPositions)
};

struct AttentionKernels {
  /// kv_store and kv_load for one position of all heads of a page.
  void (*store)(const KvGeometry& geometry, std::int64_t kv_heads, std::byte* page,
                std::int64_t slot, const float* key, const float* value);
  void (*load)(const KvGeometry& geometry, std::int64_t kv_heads, const std::byte* page,
               std::int64_t slot, float* key, float* value);
  /// Copies the task's query rows into scratch, multiplied by the scale.
  void (*gather)(const AttentionTask& task, const AttentionScratch& scratch);
  /// Attends to the positions of one chunk; overwrites `part`.
  void (*attend_chunk)(const AttentionTask& task, std::int64_t chunk,
                       const AttentionScratch& scratch, const AttentionState& part);
  /// Adds what the next chunk found to `whole`, for rows [begin, end).
  void (*merge)(const AttentionState& part, const AttentionState& whole, std::int64_t begin,
                std::int64_t end, std::int64_t value_stride);
  /// Writes rows [begin, end) of the task's output; 0 for a row that has seen nothing.
  void (*finish)(const AttentionTask& task, const AttentionState& whole, std::int64_t begin,
                 std::int64_t end);
};

}  // namespace jielong
