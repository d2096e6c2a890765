#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/thread_pool.h"

namespace jielong {

/// Element format of cached keys and values. q8_0 keeps int8 with one scale for
/// every 32 channels of a position.
enum class KvType : std::uint8_t { f32, f16, q8_0 };

/// The shape of one page of cached keys and values of one layer: kPositions
/// consecutive positions, for every key/value head. The inner layout belongs to the
/// kernels of the active instruction set.
struct KvLayout {
  static constexpr std::int64_t kPositions = 64;

  std::int64_t kv_heads = 0;
  std::int64_t key_dim = 0;    ///< channels of one key head
  std::int64_t value_dim = 0;  ///< channels of one value head
  KvType type = KvType::f16;

  std::size_t page_bytes() const;
};

/// Writes the key (kv_heads, key_dim) and value (kv_heads, value_dim) of one position
/// into `slot` = position % kPositions of a page. Different slots may be written at the
/// same time by different threads.
void kv_store(const KvLayout& layout, std::byte* page, std::int64_t slot, const float* key,
              const float* value);

/// Reads them back as f32 (lossy for f16 and q8_0 as stored): for saving, inspecting, tests.
void kv_load(const KvLayout& layout, const std::byte* page, std::int64_t slot, float* key,
             float* value);

/// Consecutive query rows of one sequence.
struct AttentionQueries {
  std::int64_t first_row = 0;       ///< row of the first query in q and out
  std::int64_t count = 0;           ///< number of query rows
  std::int64_t first_position = 0;  ///< position of the first query in the sequence
  std::int64_t length = 0;          ///< positions stored in the pages, [0, length)
  /// Page p holds positions [p·kPositions, …); null where a sliding window has passed.
  std::span<std::byte* const> pages;
};

struct AttentionParams {
  std::int64_t heads = 0;
  float scale = 1;     ///< multiplies q·k
  float soft_cap = 0;  ///< cap·tanh(score/cap) when positive
  std::int64_t window =
      0;               ///< a query sees only the last `window` positions, itself included; 0: all
  bool causal = true;  ///< false: every query sees [0, length)
};

/// out[row, head, :] = softmax(scale · q[row, head, :] · Kᵀ) V over what each query may
/// see. q is (rows, heads·key_dim), out (rows, heads·value_dim), strides in floats. Heads
/// share key/value heads in order (grouped-query attention). Work is split over the pool;
/// a query's result depends on its own row and pages alone: not on the other queries, their
/// number, or the thread count, because positions are always summed in the same fixed chunks.
void attend(ThreadPool& pool, const KvLayout& layout, const AttentionParams& params,
            std::span<const AttentionQueries> sequences, const float* q, std::int64_t q_stride,
            float* out, std::int64_t out_stride);

}  // namespace jielong
