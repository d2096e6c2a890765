#include "tensor/sequence_attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "tensor/kernels/tables.h"
#include "tensor/reusable_floats.h"
#include "tensor/vector_backward.h"

namespace jielong {
namespace {

/// Tasks a thread should get before they are made larger than they must be.
constexpr std::int64_t kTasksPerThread = 4;

/// Blocks of queries that go through the keys together: few enough that they stay in the
/// second-level cache.
constexpr std::int64_t kTaskBlocks = 4;

void check(bool holds, const char* what) {
  if (!holds) throw bad_input(what, "attention of sequences");
}

void check(const SequenceAttention& a, const Tensor& out) {
  const std::int64_t heads = a.params.heads, kv_heads = a.shape.kv_heads;
  if (heads < 1 || kv_heads < 1 || heads % kv_heads != 0) {
    throw bad_input(
        fmt::format("{} query heads cannot share {} key/value heads evenly", heads, kv_heads),
        "attention of sequences");
  }
  check(a.shape.key_dim > 0 && a.shape.value_dim > 0, "heads must have channels");
  check(a.q.channels == heads * a.shape.key_dim, "queries must have heads x key_dim channels");
  check(a.k.channels == kv_heads * a.shape.key_dim, "keys must have kv_heads x key_dim channels");
  check(a.v.channels == kv_heads * a.shape.value_dim,
        "values must have kv_heads x value_dim channels");
  check(out.channels == heads * a.shape.value_dim, "outputs must have heads x value_dim channels");
  check(a.k.rows == a.q.rows && a.v.rows == a.q.rows && out.rows == a.q.rows,
        "queries, keys, values and outputs must have the same rows");
  check(!a.borders.empty() && a.borders.front() == 0 && a.borders.back() == a.q.rows &&
            std::is_sorted(a.borders.begin(), a.borders.end()),
        "borders must rise from 0 to the number of rows");
}

/// A block of rows of one sequence.
struct Block {
  std::int64_t first_row, length;  ///< of the sequence
  std::int64_t index;
};

std::vector<Block> blocks_of(std::span<const std::int64_t> borders) {
  std::vector<Block> blocks;
  for (std::size_t s = 0; s + 1 < borders.size(); ++s) {
    const std::int64_t length = borders[s + 1] - borders[s];
    for (std::int64_t i = 0; i * kSequenceBlock < length; ++i) {
      blocks.push_back({borders[s], length, i});
    }
  }
  return blocks;
}

std::int64_t round_up(std::int64_t channels) { return (channels + 15) / 16 * 16; }

/// Head `index` of the sequence that begins at `first_row`.
SequenceHead head_of(const SequenceAttention& a, const Block& block, std::int64_t index,
                     const Tensor& out, const Tensor& log_sums) {
  const std::int64_t shared = index / (a.params.heads / a.shape.kv_heads);
  SequenceHead head;
  head.length = block.length;
  head.key_dim = a.shape.key_dim;
  head.value_dim = a.shape.value_dim;
  head.key_stride = round_up(head.key_dim);
  head.value_stride = round_up(head.value_dim);
  head.window = a.params.window;
  head.causal = a.params.causal;
  head.scale = a.params.scale;
  head.soft_cap = a.params.soft_cap;
  head.q = a.q.row(block.first_row) + index * head.key_dim;
  head.k = a.k.row(block.first_row) + shared * head.key_dim;
  head.v = a.v.row(block.first_row) + shared * head.value_dim;
  head.q_stride = a.q.stride;
  head.k_stride = a.k.stride;
  head.v_stride = a.v.stride;
  head.out = out.row(block.first_row) + index * head.value_dim;
  head.out_stride = out.stride;
  if (log_sums) head.log_sums = log_sums.row(block.first_row) + index;
  head.sums_stride = log_sums.stride;
  return head;
}

/// Every thread's memory, kept by the thread that calls.
class Scratches {
 public:
  /// @param query_blocks how many of them a thread works on at a time
  Scratches(const SequenceAttention& a, int threads, std::int64_t query_blocks)
      : keys_(kSequenceBlock * round_up(a.shape.key_dim)),
        values_(kSequenceBlock * round_up(a.shape.value_dim)),
        floats_(4 * keys_ + 3 * values_ + 2 * kScores + 2 * kSequenceBlock +
                query_blocks * query_floats()) {
    thread_local ReusableFloats memory;
    memory_ = memory.floats(static_cast<std::size_t>(floats_ * threads));
  }

  SequenceScratch of(int thread) const {
    float* next = memory_ + thread * floats_;
    const auto take = [&](std::int64_t count) { return std::exchange(next, next + count); };
    SequenceScratch s;
    s.keys = take(keys_);
    s.keys_t = take(keys_);
    s.dq = take(keys_);
    s.dk = take(keys_);
    s.values = take(values_);
    s.values_t = take(values_);
    s.dv = take(values_);
    s.scores = take(kScores);
    s.d_scores = take(kScores);
    s.tops = take(kSequenceBlock);
    s.shrink = take(kSequenceBlock);
    return s;
  }
  SequenceQueries queries(int thread, std::int64_t index) const {
    float* memory = memory_ + (thread + 1) * floats_ - (index + 1) * query_floats();
    SequenceQueries q;
    q.queries = memory;
    q.mixed = memory + keys_;
    q.largest = q.mixed + values_;
    q.sum = q.largest + kSequenceBlock;
    return q;
  }

 private:
  static constexpr std::int64_t kScores = kSequenceBlock * kSequenceBlock;
  std::int64_t query_floats() const { return keys_ + values_ + 2 * kSequenceBlock; }

  std::int64_t keys_, values_, floats_;
  float* memory_;
};

/// Blocks of queries, [first, end), that see a block of keys.
std::pair<std::int64_t, std::int64_t> seeing_blocks(const AttentionParams& params,
                                                    const Block& keys) {
  if (!params.causal) return {0, (keys.length + kSequenceBlock - 1) / kSequenceBlock};
  std::int64_t end = keys.length;
  if (params.window > 0) {
    const std::int64_t last_key = std::min((keys.index + 1) * kSequenceBlock, keys.length) - 1;
    end = std::min(end, last_key + params.window);
  }
  return {keys.index, (end + kSequenceBlock - 1) / kSequenceBlock};
}

/// The first block of keys that a block of queries sees.
std::int64_t first_seen_block(const AttentionParams& params, std::int64_t queries) {
  if (!params.causal || params.window == 0) return 0;
  return std::max<std::int64_t>(0, queries * kSequenceBlock + 1 - params.window) / kSequenceBlock;
}

/// Means of d_out · out of every row and head.
void find_means(ThreadPool& pool, const SequenceAttention& a, const Tensor& out,
                const Tensor& d_out, const Tensor& means) {
  const std::int64_t dim = a.shape.value_dim;
  pool.for_range(out.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      for (std::int64_t h = 0; h < a.params.heads; ++h) {
        means.row(row)[h] =
            backward_vectors().dot(out.row(row) + h * dim, d_out.row(row) + h * dim, dim);
      }
    }
  });
}

}  // namespace

void attend_sequences(ThreadPool& pool, const SequenceAttention& a, const Tensor& out,
                      const Tensor& log_sums) {
  check(a, out);
  const std::vector<Block> blocks = blocks_of(a.borders);
  const auto block_count = static_cast<std::int64_t>(blocks.size());
  const std::int64_t kv_heads = a.shape.kv_heads, group = a.params.heads / kv_heads;
  // A task is some query blocks of one sequence, next to each other, with all heads of a group. The
  // more there are, the more seldom keys are made ready; outputs do not depend on it.
  const std::int64_t most = std::max<std::int64_t>(1, kTaskBlocks / group);
  const std::int64_t together =
      block_count * kv_heads >= most * kTasksPerThread * pool.size() ? most : 1;
  std::vector<std::int64_t> firsts;  // the first block of each task
  for (std::int64_t i = 0; i < block_count; ++i) {
    const Block& block = blocks[static_cast<std::size_t>(i)];
    if (block.index == 0 || i - firsts.back() == together) firsts.push_back(i);
  }
  firsts.push_back(block_count);

  const SequenceAttentionKernels& kernels = *float_kernels().sequence_attention;
  const Scratches scratches(a, pool.size(), together * group);
  const std::int64_t tasks = (static_cast<std::int64_t>(firsts.size()) - 1) * kv_heads;
  std::atomic<std::int64_t> next{0};
  pool.run([&](int thread, int) {
    const SequenceScratch scratch = scratches.of(thread);
    std::vector<SequenceQueries> queries;
    for (std::int64_t i = 0; i < together * group; ++i) {
      queries.push_back(scratches.queries(thread, i));
    }
    for (;;) {
      // From the last on: a sequence's later queries see more and take longer.
      const std::int64_t task = tasks - 1 - next.fetch_add(1, std::memory_order_relaxed);
      if (task < 0) return;
      const auto run = static_cast<std::size_t>(task / kv_heads);
      std::size_t count = 0;
      for (std::int64_t i = firsts[run]; i < firsts[run + 1]; ++i) {
        for (std::int64_t h = 0; h < group; ++h, ++count) {
          const Block& block = blocks[static_cast<std::size_t>(i)];
          queries[count].head = head_of(a, block, task % kv_heads * group + h, out, log_sums);
          queries[count].block = block.index;
        }
      }
      kernels.attend(queries.data(), static_cast<std::int64_t>(count), scratch);
    }
  });
}

// Gradients of keys and values are sums over queries, those of queries are sums over keys. A chain
// is the blocks of keys of one key/value head of one sequence. A thread takes a block of keys, goes
// through the queries that see it and keeps the gradients of keys and values to itself; to those of
// queries it adds when the chain's block before has done so. As blocks are taken in order, the one
// before is always ahead, and threads that work on one chain follow each other like runners in a
// relay, with every sum in the order of a single thread.
void attend_sequences_backward(ThreadPool& pool, const SequenceAttention& a, const Tensor& out,
                               const Tensor& log_sums, const Tensor& d_out, const Tensor& means,
                               const GradientSum& dq, const GradientSum& dk,
                               const GradientSum& dv) {
  check(a, out);
  check(a, d_out);
  find_means(pool, a, out, d_out, means);

  const std::int64_t kv_heads = a.shape.kv_heads, group = a.params.heads / kv_heads;
  const SequenceAttentionKernels& kernels = *float_kernels().sequence_attention;
  const Scratches scratches(a, pool.size(), 1);
  struct Unit {
    Block keys;
    std::int64_t kv_head;
  };
  std::vector<Unit> units;
  std::vector<std::size_t> chains;  // first unit of each, and one beyond the last
  const std::vector<Block> blocks = blocks_of(a.borders);
  for (std::size_t i = 0; i < blocks.size();) {
    std::size_t end = i + 1;
    while (end < blocks.size() && blocks[end].index > 0) ++end;
    for (std::int64_t h = 0; h < kv_heads; ++h) {
      chains.push_back(units.size());
      for (std::size_t j = i; j < end; ++j) units.push_back({blocks[j], h});
    }
    i = end;
  }
  chains.push_back(units.size());

  /// Steps (query block, head of the group) whose gradients a unit has added.
  const auto done = std::make_unique<std::atomic<std::int64_t>[]>(units.size());
  const auto run_unit = [&](std::size_t index, const SequenceScratch& scratch,
                            SequenceQueries& queries) {
    const Block& keys = units[index].keys;
    const std::int64_t first_head = units[index].kv_head * group;
    SequenceHead& head = queries.head;
    head = head_of(a, keys, first_head, out, log_sums);
    kernels.start_keys(head, keys.index, scratch);
    const auto [first, end] = seeing_blocks(a.params, keys);
    for (std::int64_t step = first * group; step < end * group; ++step) {
      const std::int64_t h = first_head + step % group;
      head = head_of(a, keys, h, out, log_sums);
      head.d_out = d_out.row(keys.first_row) + h * a.shape.value_dim;
      head.d_out_stride = d_out.stride;
      head.means = means.row(keys.first_row) + h;
      head.dq = dq.tensor.row(keys.first_row) + h * a.shape.key_dim;
      head.dq_stride = dq.tensor.stride;
      queries.block = step / group;
      kernels.backward(queries, keys.index, scratch);
      if (keys.index > 0) {
        while (done[index - 1].load(std::memory_order_acquire) <= step) std::this_thread::yield();
      }
      const bool is_first = first_seen_block(a.params, queries.block) == keys.index;
      kernels.finish_queries(head, queries.block, scratch, dq.add || !is_first);
      done[index].store(step + 1, std::memory_order_release);
    }
    done[index].store(std::numeric_limits<std::int64_t>::max(), std::memory_order_release);
    kernels.finish_keys(head, keys.index, scratch,
                        dk.tensor.row(keys.first_row) + units[index].kv_head * a.shape.key_dim,
                        dk.tensor.stride, dk.add,
                        dv.tensor.row(keys.first_row) + units[index].kv_head * a.shape.value_dim,
                        dv.tensor.stride, dv.add);
  };

  const bool whole = static_cast<std::int64_t>(chains.size()) - 1 >= kTasksPerThread * pool.size();
  std::atomic<std::size_t> next{0};
  pool.run([&](int thread, int) {
    const SequenceScratch scratch = scratches.of(thread);
    SequenceQueries queries = scratches.queries(thread, 0);
    for (;;) {
      const std::size_t taken = next.fetch_add(1, std::memory_order_relaxed);
      if (whole) {
        if (taken + 1 >= chains.size()) return;
        for (std::size_t i = chains[taken]; i < chains[taken + 1]; ++i)
          run_unit(i, scratch, queries);
      } else {
        if (taken >= units.size()) return;
        run_unit(taken, scratch, queries);
      }
    }
  });
}

}  // namespace jielong
