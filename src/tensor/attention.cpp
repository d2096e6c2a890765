#include "tensor/attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "base/error.h"
#include "tensor/kernels/tables.h"
#include "tensor/reusable_floats.h"

namespace jielong {
namespace {

/// Rows a task aims for: enough that a page once in the cache is used many times, few
/// enough that the task's own rows stay in the second-level cache.
constexpr std::int64_t kTaskRows = 96;

/// Whole tasks a thread should get before they are handed out undivided.
constexpr std::int64_t kTasksPerThread = 4;

/// Multiplications below which waking other threads takes longer than the work.
constexpr double kWorthSharing = 1 << 16;

/// A task and its part of the work: chunks [first_chunk, end_chunk).
struct Job {
  AttentionTask task;
  std::int64_t first_chunk = 0, end_chunk = 0;
  std::int64_t first_part = 0;  ///< index of its first chunk among those of all jobs
  std::int64_t first_row = 0;   ///< index of its first row among those of all jobs
  std::size_t parts_at = 0;     ///< floats before its partial results

  std::int64_t chunks() const { return end_chunk - first_chunk; }
};

std::size_t round_up(std::size_t floats) { return (floats + 15) / 16 * 16; }

std::size_t state_floats(std::int64_t rows, std::int64_t value_stride) {
  return round_up(static_cast<std::size_t>(rows * (value_stride + 2)));
}

/// A state laid out at `memory`: values first, because they are read as vectors.
AttentionState state_at(float* memory, std::int64_t rows, std::int64_t value_stride) {
  float* after = memory + rows * value_stride;
  return {.largest = after, .sum = after + rows, .values = memory};
}

void check(const KvGeometry& geometry, const KvLayout& layout, const AttentionParams& params) {
  (void)geometry;
  if (params.heads < 1 || params.heads % layout.kv_heads != 0) {
    throw bad_input(fmt::format("{} query heads cannot share {} key/value heads evenly",
                                params.heads, layout.kv_heads),
                    "attention");
  }
}

void check(const AttentionQueries& s, Positions needed) {
  if (s.count < 0 || s.first_position < 0 || s.length < 0) {
    throw bad_input("counts and positions must not be negative", "attention");
  }
  const std::int64_t pages = static_cast<std::int64_t>(s.pages.size());
  for (std::int64_t position = needed.begin; position < needed.end;
       position = (position / KvLayout::kPositions + 1) * KvLayout::kPositions) {
    const std::int64_t page = position / KvLayout::kPositions;
    if (page >= pages || s.pages[static_cast<std::size_t>(page)] == nullptr) {
      throw Error(
          ErrorKind::internal,
          fmt::format("position {} is attended to, but page {} is not there", position, page),
          "attention");
    }
  }
}

class Plan {
 public:
  Plan(const KvLayout& layout, const AttentionParams& params,
       std::span<const AttentionQueries> sequences, const float* q, std::int64_t q_stride,
       float* out, std::int64_t out_stride, std::vector<Job>& jobs)
      : geometry_(kv_geometry(layout)), jobs_(jobs) {
    check(geometry_, layout, params);
    jobs_.clear();
    const std::int64_t group = params.heads / layout.kv_heads;
    const std::int64_t most_queries = std::max<std::int64_t>(1, kTaskRows / group);
    for (const AttentionQueries& s : sequences) {
      for (std::int64_t first = 0; first < s.count; first += most_queries) {
        Job job;
        AttentionTask& t = job.task;
        t.geometry = &geometry_;
        t.pages = s.pages.data();
        t.group = group;
        t.queries = std::min(most_queries, s.count - first);
        t.first_position = s.first_position + first;
        t.length = s.length;
        t.window = params.window;
        t.causal = params.causal;
        t.scale = params.scale;
        t.soft_cap = params.soft_cap;
        t.q_stride = q_stride;
        t.out_stride = out_stride;
        const Positions needed = {visible(t, 0).begin, visible(t, t.queries - 1).end};
        check(s, needed);
        job.first_chunk = needed.begin / kAttentionChunk;
        job.end_chunk =
            std::max(job.first_chunk, (needed.end + kAttentionChunk - 1) / kAttentionChunk);
        const std::int64_t row = s.first_row + first;
        for (std::int64_t h = 0; h < layout.kv_heads; ++h) {
          t.kv_head = h;
          t.q = q + row * q_stride + h * group * geometry_.key_dim;
          t.out = out + row * out_stride + h * group * geometry_.value_dim;
          add(job, needed);
        }
      }
    }
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  const KvGeometry& geometry() const { return geometry_; }
  std::span<const Job> jobs() const { return jobs_; }
  std::int64_t most_rows() const { return most_rows_; }
  std::int64_t rows() const { return rows_; }
  std::int64_t parts() const { return parts_; }
  std::size_t part_floats() const { return part_floats_; }
  double work() const { return work_; }

 private:
  void add(Job job, Positions needed) {
    const std::int64_t rows = job.task.rows();
    job.first_part = parts_;
    job.first_row = rows_;
    job.parts_at = part_floats_;
    parts_ += job.chunks();
    rows_ += rows;
    part_floats_ +=
        static_cast<std::size_t>(job.chunks()) * state_floats(rows, geometry_.value_stride);
    most_rows_ = std::max(most_rows_, rows);
    work_ += static_cast<double>(rows) *
             static_cast<double>(std::max<std::int64_t>(0, needed.end - needed.begin)) *
             static_cast<double>(geometry_.key_dim + geometry_.value_dim);
    jobs_.push_back(job);
  }

  KvGeometry geometry_;
  std::vector<Job>& jobs_;
  std::int64_t most_rows_ = 0, rows_ = 0, parts_ = 0;
  std::size_t part_floats_ = 0;
  double work_ = 0;
};

/// Sizes and places of one thread's scratch.
struct ScratchPlan {
  std::size_t queries, scores, page, scales, state;

  ScratchPlan(const KvGeometry& g, std::int64_t rows) {
    const std::int64_t channels = std::max(g.key_dim, g.value_stride);
    const auto count = [](std::int64_t n) { return round_up(static_cast<std::size_t>(n)); };
    queries = count(rows * g.key_dim);
    scores = count(rows * kAttentionChunk);
    page = count(channels * KvLayout::kPositions);
    scales = count((channels + kKvBlock - 1) / kKvBlock * KvLayout::kPositions);
    state = state_floats(rows, g.value_stride);
  }
  std::size_t floats() const { return queries + scores + page + scales + 2 * state; }

  AttentionScratch scratch(float* memory) const {
    return {.queries = memory,
            .scores = memory + queries,
            .page = memory + queries + scores,
            .scales = memory + queries + scores + page};
  }
  /// The state of one chunk (0) and of a whole task (1).
  float* states(float* memory, std::size_t which) const {
    return memory + queries + scores + page + scales + which * state;
  }
};

/// Tasks one by one, each with all its chunks.
void run_whole(const AttentionKernels& kernels, const Job& job, const ScratchPlan& sizes,
               float* memory) {
  const AttentionTask& task = job.task;
  const std::int64_t rows = task.rows(), stride = task.geometry->value_stride;
  const AttentionScratch scratch = sizes.scratch(memory);
  const AttentionState part = state_at(sizes.states(memory, 0), rows, stride);
  const AttentionState whole = state_at(sizes.states(memory, 1), rows, stride);
  kernels.gather(task, scratch);
  kernels.attend_chunk(task, job.first_chunk, scratch, whole);
  for (std::int64_t chunk = job.first_chunk + 1; chunk < job.end_chunk; ++chunk) {
    kernels.attend_chunk(task, chunk, scratch, part);
    kernels.merge(part, whole, 0, rows, stride);
  }
  kernels.finish(task, whole, 0, rows);
}

/// Partial result `index` of a job; the others are merged into the first.
AttentionState part_of(const Job& job, std::int64_t index, float* parts) {
  const std::int64_t rows = job.task.rows(), stride = job.task.geometry->value_stride;
  float* memory =
      parts + job.parts_at + static_cast<std::size_t>(index) * state_floats(rows, stride);
  return state_at(memory, rows, stride);
}

/// Rows [begin, end) of all jobs: merges their chunks in order.
void merge_rows(const AttentionKernels& kernels, std::span<const Job> jobs, std::int64_t begin,
                std::int64_t end, float* parts) {
  for (const Job& job : jobs) {
    const std::int64_t rows = job.task.rows(), stride = job.task.geometry->value_stride;
    const std::int64_t from = std::max<std::int64_t>(begin - job.first_row, 0);
    const std::int64_t to = std::min(end - job.first_row, rows);
    if (from >= to) continue;
    const AttentionState whole = part_of(job, 0, parts);
    for (std::int64_t i = 1; i < job.chunks(); ++i) {
      kernels.merge(part_of(job, i, parts), whole, from, to, stride);
    }
    kernels.finish(job.task, whole, from, to);
  }
}

/// Takes the next run of `count` parts for one of `threads` threads: long at first, because
/// neighbours are fetched ahead of their turn, and short in the end, so that all finish
/// together. Empty when all are taken.
Positions claim(std::atomic<std::int64_t>& next, std::int64_t count, int threads) {
  std::int64_t begin = next.load(std::memory_order_relaxed), end = begin;
  do {
    if (begin >= count) return {count, count};
    end = begin + std::max<std::int64_t>(1, (count - begin) / (2 * threads));
  } while (!next.compare_exchange_weak(begin, end, std::memory_order_relaxed));
  return {begin, end};
}

}  // namespace

void attend(ThreadPool& pool, const KvLayout& layout, const AttentionParams& params,
            std::span<const AttentionQueries> sequences, const float* q, std::int64_t q_stride,
            float* out, std::int64_t out_stride) {
  // The caller's own, so that steady decoding allocates nothing.
  thread_local std::vector<Job> job_memory;
  thread_local ReusableFloats scratch_memory, part_memory;

  const Plan plan(layout, params, sequences, q, q_stride, out, out_stride, job_memory);
  const std::span<const Job> jobs = plan.jobs();
  if (jobs.empty()) return;
  const AttentionKernels& kernels = *float_kernels().attention;
  const ScratchPlan sizes(plan.geometry(), plan.most_rows());
  const std::int64_t job_count = static_cast<std::int64_t>(jobs.size());

  if (pool.size() == 1 || plan.work() < kWorthSharing) {
    float* memory = scratch_memory.floats(sizes.floats());
    for (const Job& job : jobs) run_whole(kernels, job, sizes, memory);
    return;
  }

  float* scratch = scratch_memory.floats(sizes.floats() * static_cast<std::size_t>(pool.size()));
  const auto memory_of = [&](int thread) {
    return scratch + static_cast<std::size_t>(thread) * sizes.floats();
  };
  std::atomic<std::int64_t> next{0};
  if (job_count >= kTasksPerThread * pool.size() || plan.parts() <= job_count) {
    pool.run([&](int thread, int) {
      for (;;) {
        // From the last on: a sequence's later queries see more and take longer.
        const std::int64_t taken = next.fetch_add(1, std::memory_order_relaxed);
        if (taken >= job_count) return;
        run_whole(kernels, jobs[static_cast<std::size_t>(job_count - 1 - taken)], sizes,
                  memory_of(thread));
      }
    });
    return;
  }

  float* parts = part_memory.floats(plan.part_floats());
  pool.run([&](int thread, int threads) {
    const AttentionScratch own = sizes.scratch(memory_of(thread));
    for (;;) {
      const auto [begin, end] = claim(next, plan.parts(), threads);
      if (begin == end) break;
      auto job =
          std::upper_bound(jobs.begin(), jobs.end(), begin,
                           [](std::int64_t part, const Job& j) { return part < j.first_part; }) -
          1;
      kernels.gather(job->task, own);
      for (std::int64_t part = begin; part < end; ++part) {
        std::int64_t index = part - job->first_part;
        if (index == job->chunks()) {
          ++job, index = 0;
          kernels.gather(job->task, own);
        }
        kernels.attend_chunk(job->task, job->first_chunk + index, own, part_of(*job, index, parts));
      }
    }
    pool.barrier();
    const auto [begin, end] = ThreadPool::slice(plan.rows(), 1, thread, threads);
    merge_rows(kernels, jobs, begin, end, parts);
  });
}

}  // namespace jielong
