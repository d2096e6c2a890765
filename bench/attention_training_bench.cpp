// Causal attention of a training step, forward and backward, against the f32 peak of the machine.
// Counts the multiplications that the mask leaves: two products forward, five backward. Every
// figure is the median of repeated runs. JIELONG_ISA chooses the instruction set.
//
//   bench_attention_training [threads=2] [heads=12] [kv_heads=12] [dim=64] [rows=4096]

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "bench/peaks.h"
#include "tensor/arena.h"
#include "tensor/sequence_attention.h"

namespace jielong {
namespace {

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

void run(ThreadPool& pool, const KvLayout& shape, std::int64_t heads, std::int64_t rows,
         std::int64_t length, double peak) {
  Arena arena;
  Rng rng(1);
  const auto matrix = [&](std::int64_t channels) {
    const Tensor t = {arena.floats(rows * channels), rows, channels, channels};
    for (std::int64_t i = 0; i < rows * channels; ++i) {
      t.data[i] = static_cast<float>(rng.uniform()) * 2 - 1;
    }
    return t;
  };
  const std::int64_t width = heads * shape.key_dim, kv_width = shape.kv_heads * shape.key_dim;
  const Tensor q = matrix(width), k = matrix(kv_width), v = matrix(kv_width), out = matrix(width);
  const Tensor d_out = matrix(width), dq = matrix(width), dk = matrix(kv_width),
               dv = matrix(kv_width);
  const Tensor log_sums = matrix(heads), means = matrix(heads);
  std::vector<std::int64_t> borders;
  for (std::int64_t row = 0; row <= rows; row += length) borders.push_back(row);
  const AttentionParams params = {.heads = heads,
                                  .scale = 1 / std::sqrt(static_cast<float>(shape.key_dim))};
  const SequenceAttention attention = {shape, params, borders, q, k, v};

  const double pairs =
      static_cast<double>(rows) * static_cast<double>(length + 1) / 2 * static_cast<double>(heads);
  const double product = 2 * pairs * static_cast<double>(shape.key_dim);
  const auto report = [&](const char* what, double products, double seconds) {
    const double rate = products * product / seconds;
    fmt::print("T {:5}  {:8}  {:8.2f} ms  {:6.1f} GFLOP/s  {:3.0f} % of peak\n", length, what,
               seconds * 1e3, rate * 1e-9, peak > 0 ? rate / peak * 100 : 0);
  };
  report("forward", 2,
         median_seconds(9, [&] { attend_sequences(pool, attention, out, log_sums); }));
  report("backward", 5, median_seconds(9, [&] {
           attend_sequences_backward(pool, attention, out, log_sums, d_out, means, {dq}, {dk},
                                     {dv});
         }));
}

}  // namespace
}  // namespace jielong

int main(int argc, char** argv) {
  using namespace jielong;
  const auto argument = [&](int index, int otherwise) {
    return argc > index ? std::atoi(argv[index]) : otherwise;
  };
  try {
    ThreadPool pool(argument(1, 2));
    const std::int64_t heads = argument(2, 12), dim = argument(4, 64), rows = argument(5, 4096);
    const KvLayout shape = {argument(3, 12), dim, dim, KvType::f32};
    const double peak = 2 * bench::measure_peaks(pool).f32;
    fmt::print("{}, {} threads, {} heads over {}, {} channels: peak {:.0f} GFLOP/s\n",
               name(active_isa()), pool.size(), heads, shape.kv_heads, dim, peak * 1e-9);
    for (const std::int64_t length : {64, 256, 1024, 4096}) {
      if (rows % length == 0) run(pool, shape, heads, rows, length, peak);
    }
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
  return 0;
}
