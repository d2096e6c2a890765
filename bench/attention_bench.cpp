// Attention at the shapes of real models: decoding against the read bandwidth, prefill
// against the f32 peak of the instruction set in use. Every figure is the median of
// repeated runs. JIELONG_ISA chooses the instruction set.
//
//   attention_bench [threads, default 2]

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "tensor/attention.h"
#include "tensor/isa.h"
#include "tensor/vector.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace jielong {
namespace {

/// Median seconds of one call.
template <typename Body>
double median_seconds(int runs, const Body& body) {
  std::vector<double> seconds;
  body();
  for (int i = 0; i < runs; ++i) {
    const auto start = std::chrono::steady_clock::now();
    body();
    seconds.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

/// Bytes a second that all threads together read from memory they do not keep in cache.
double read_bandwidth(ThreadPool& pool, std::int64_t megabytes) {
  std::vector<float> memory(static_cast<std::size_t>(megabytes) << 18, 1.0f);
  const std::int64_t n = static_cast<std::int64_t>(memory.size());
  const double seconds = median_seconds(7, [&] {
    pool.for_range(n, 4096, [&](std::int64_t begin, std::int64_t end) {
      (void)vectors().argmax(memory.data() + begin, std::min(end, n) - begin);
    });
  });
  return static_cast<double>(n) * 4 / seconds;
}

#if defined(__x86_64__)
constexpr int kPeakSteps = 1 << 20, kPeakSums = 12;

// The factors come from outside, so that the compiler cannot foresee the sums.
__attribute__((target("avx512f"))) float multiply_512(float x, float y) {
  __m512 sums[kPeakSums];
  for (int i = 0; i < kPeakSums; ++i) sums[i] = _mm512_set1_ps(x + static_cast<float>(i));
  const __m512 a = _mm512_set1_ps(y);
  for (int i = 0; i < kPeakSteps; ++i) {
#pragma GCC unroll 12
    for (__m512& s : sums) s = _mm512_fmadd_ps(s, a, a);
  }
  __m512 all = sums[0];
  for (const __m512& s : sums) all = _mm512_add_ps(all, s);
  return _mm512_cvtss_f32(all);
}

__attribute__((target("avx2,fma"))) float multiply_256(float x, float y) {
  __m256 sums[kPeakSums];
  for (int i = 0; i < kPeakSums; ++i) sums[i] = _mm256_set1_ps(x + static_cast<float>(i));
  const __m256 a = _mm256_set1_ps(y);
  for (int i = 0; i < kPeakSteps; ++i) {
#pragma GCC unroll 12
    for (__m256& s : sums) s = _mm256_fmadd_ps(s, a, a);
  }
  __m256 all = sums[0];
  for (const __m256& s : sums) all = _mm256_add_ps(all, s);
  return _mm256_cvtss_f32(all);
}

/// Multiply-adds a second of one thread; 0 where this program does not know how to ask.
double peak() {
  const Isa isa = active_isa();
  const bool wide = isa == Isa::avx512 || isa == Isa::amx;
  if (!wide && isa != Isa::avx2 && isa != Isa::avxvnni) return 0;
  volatile float sink = 0, factor = 0.5f;
  const double seconds = median_seconds(
      7, [&] { sink = wide ? multiply_512(sink, factor) : multiply_256(sink, factor); });
  return (wide ? 16.0 : 8.0) * kPeakSteps * kPeakSums / seconds;
}
#else
double peak() { return 0; }
#endif

struct Model {
  const char* name;
  std::int64_t layers, heads, kv_heads, dim;
};
constexpr Model kModels[] = {{"SmolLM2-135M", 30, 9, 3, 64},
                             {"Gemma3-270M", 18, 4, 1, 256},
                             {"Qwen2.5-1.5B", 28, 12, 2, 128}};
constexpr const char* kTypeNames[] = {"f32", "f16", "q8_0"};

/// Pages of all layers, filled.
struct Cache {
  KvLayout layout;
  std::vector<std::byte> memory;
  std::vector<std::vector<std::byte*>> pages;  ///< (layer, page)
  double store_seconds = 0;                    ///< a position, all layers

  Cache(const Model& m, KvType type, std::int64_t depth) : layout{m.kv_heads, m.dim, m.dim, type} {
    const std::int64_t count = (depth + KvLayout::kPositions - 1) / KvLayout::kPositions;
    const std::size_t bytes = layout.page_bytes();
    memory.resize(bytes * static_cast<std::size_t>(count * m.layers) + 64);
    std::byte* next = memory.data() + 64 - reinterpret_cast<std::uintptr_t>(memory.data()) % 64;
    pages.resize(static_cast<std::size_t>(m.layers));
    for (auto& layer : pages) {
      for (std::int64_t i = 0; i < count; ++i, next += bytes) layer.push_back(next);
    }
    std::vector<float> row(static_cast<std::size_t>(m.kv_heads * m.dim));
    Rng rng(1);
    for (float& v : row) v = static_cast<float>(rng.uniform()) * 2 - 1;
    const auto start = std::chrono::steady_clock::now();
    for (const auto& layer : pages) {
      for (std::int64_t i = 0; i < depth; ++i) {
        kv_store(layout, layer[static_cast<std::size_t>(i / KvLayout::kPositions)],
                 i % KvLayout::kPositions, row.data(), row.data());
      }
    }
    store_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() /
        static_cast<double>(depth);
  }
};

void bench(ThreadPool& pool, const Model& m, KvType type, double bandwidth, double multiplies) {
  const AttentionParams params = {.heads = m.heads,
                                  .scale = 1 / std::sqrt(static_cast<float>(m.dim))};
  const std::int64_t width = m.heads * m.dim;
  std::vector<float> q(static_cast<std::size_t>(512 * width), 0.1f), out(q.size());
  Rng rng(2);
  for (float& v : q) v = static_cast<float>(rng.uniform()) * 2 - 1;
  const auto run = [&](Cache& cache, std::int64_t count, std::int64_t length) {
    for (const auto& pages : cache.pages) {
      const AttentionQueries queries = {0, count, length - count, length, pages};
      attend(pool, cache.layout, params, {&queries, 1}, q.data(), width, out.data(), width);
    }
  };
  const double layers = static_cast<double>(m.layers);
  for (const std::int64_t depth : {100, 512, 2048}) {
    Cache cache(m, type, depth);
    const double seconds = median_seconds(15, [&] { run(cache, 1, depth); });
    const double bytes = static_cast<double>(cache.layout.page_bytes()) / KvLayout::kPositions *
                         static_cast<double>(depth) * layers;
    fmt::print("{:14} {:5} decode at {:4}  {:8.1f} us/layer  {:5.1f} GB/s  {:3.0f} % of read\n",
               m.name, kTypeNames[static_cast<int>(type)], depth, seconds / layers * 1e6,
               bytes / seconds * 1e-9, bytes / seconds / bandwidth * 100);
  }
  Cache cache(m, type, 512);
  const double seconds = median_seconds(5, [&] { run(cache, 512, 512); });
  const double products = layers * static_cast<double>(m.heads * 2 * m.dim) * (512.0 * 513 / 2);
  fmt::print("{:14} {:5} prefill 512     {:8.1f} us/layer  {:5.1f} GMAC/s", m.name,
             kTypeNames[static_cast<int>(type)], seconds / layers * 1e6, products / seconds * 1e-9);
  if (multiplies > 0) fmt::print("  {:3.0f} % of peak", products / seconds / multiplies * 100);
  fmt::print("  (storing {:.2f} us a position and layer)\n", cache.store_seconds / layers * 1e6);
}

}  // namespace
}  // namespace jielong

int main(int argc, char** argv) {
  using namespace jielong;
  try {
    ThreadPool pool(argc > 1 ? std::atoi(argv[1]) : 2);
    const double bandwidth = read_bandwidth(pool, 64), single = peak();
    const double multiplies = single * pool.size();
    fmt::print("{}, {} threads: reads {:.1f} GB/s, multiplies {:.0f} GMAC/s\n", name(active_isa()),
               pool.size(), bandwidth * 1e-9, multiplies * 1e-9);
    for (const Model& model : kModels) {
      for (const KvType type : {KvType::f16, KvType::q8_0, KvType::f32}) {
        bench(pool, model, type, bandwidth, multiplies);
      }
    }
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
  return 0;
}
