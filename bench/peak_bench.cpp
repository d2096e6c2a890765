// What this machine allows at most: products of its vector and tile units, and the bytes a second
// it reads from working sets of given sizes (a small model may live in a large cache).
//
//   bench_peak [threads=1,2] [megabytes=100,1100]      prints JSON
//
// Each thread works on its own part; the best of several passes counts, since nothing
// but disturbance makes a pass slower than the machine.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "bench/peaks.h"
#include "tensor/isa.h"
#include "tensor/memory.h"

namespace {

using namespace jielong;
using namespace jielong::bench;

constexpr std::int64_t kLine = 64;
constexpr std::int64_t kUnroll = 8;  // cache lines a step

#if JIELONG_X86_PROBES

/// Fetches ahead, without which a thread has too few lines on the way to reach the limit.
[[gnu::target("avx512f")]] void read_lines(const std::byte* from, const std::byte* to) {
  constexpr std::int64_t kAhead = 4096;
  for (; from < to; from += kUnroll * kLine) {
    for (std::int64_t line = 0; line < kUnroll; ++line) {
      __builtin_prefetch(from + kAhead + line * kLine);
    }
    asm volatile(
        "vmovdqa64 (%0), %%zmm0\n vmovdqa64 64(%0), %%zmm1\n"
        "vmovdqa64 128(%0), %%zmm2\n vmovdqa64 192(%0), %%zmm3\n"
        "vmovdqa64 256(%0), %%zmm4\n vmovdqa64 320(%0), %%zmm5\n"
        "vmovdqa64 384(%0), %%zmm6\n vmovdqa64 448(%0), %%zmm7\n" ::"r"(from)
        : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");
  }
}

#endif

void read_words(const std::byte* from, const std::byte* to) {
  const auto* at = reinterpret_cast<const std::uint64_t*>(from);
  const auto* end = reinterpret_cast<const std::uint64_t*>(to);
  std::uint64_t lanes[8] = {};
  for (; at < end; at += 8) {
    for (int lane = 0; lane < 8; ++lane) lanes[lane] ^= at[lane];
  }
  std::uint64_t sum = 0;
  for (const auto lane : lanes) sum ^= lane;
  volatile std::uint64_t sink = sum;
  static_cast<void>(sink);
}

/// Bytes a second that all threads read together, each its own contiguous part, again and
/// again: what lies in a cache after the first pass stays there, as a model's weights do.
double read_bandwidth(ThreadPool& pool, std::int64_t bytes) {
  constexpr std::int64_t kGrain = kUnroll * kLine;
  bytes = (bytes + kGrain - 1) / kGrain * kGrain;
  const std::shared_ptr<std::byte[]> memory = allocate_bytes(static_cast<std::size_t>(bytes));
  std::byte* data = memory.get();
  pool.for_range(bytes, kGrain, [&](std::int64_t begin, std::int64_t end) {
    std::fill(data + begin, data + end, std::byte{3});
  });
  void (*read)(const std::byte*, const std::byte*) = read_words;
#if JIELONG_X86_PROBES
  if (can_run(Isa::avx512)) read = read_lines;
#endif
  const double seconds = best_seconds(pool, [&](int thread, int threads) {
    const auto [begin, end] = ThreadPool::slice(bytes, kGrain, thread, threads);
    read(data + begin, data + end);
  });
  return static_cast<double>(bytes) / seconds;
}

std::vector<std::int64_t> numbers(std::string_view text) {
  std::vector<std::int64_t> list;
  while (!text.empty()) {
    const auto comma = text.find(',');
    std::int64_t number = 0;
    const auto part = text.substr(0, comma);
    std::from_chars(part.data(), part.data() + part.size(), number);
    if (number > 0 && number < (1 << 20)) list.push_back(number);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return list;
}

}  // namespace

int main(int argc, char** argv) {
  std::string threads = "1", megabytes = "100,1100";
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const auto equals = argument.find('=');
    if (equals == std::string_view::npos) continue;
    (argument.substr(0, equals) == "threads" ? threads : megabytes) = argument.substr(equals + 1);
  }
  std::string rows;
  for (const auto count : numbers(threads)) {
    ThreadPool pool(static_cast<int>(count));
    const Peaks peaks = measure_peaks(pool);
    std::string reads;
    for (const auto size : numbers(megabytes)) {
      reads += fmt::format("{}\"{}\": {:.4g}", reads.empty() ? "" : ", ", size,
                           read_bandwidth(pool, size * 1000000));
    }
    rows += fmt::format(
        "{}\n  {{\"threads\": {}, \"vector_products\": {:.4g}, \"tile_products\": {:.4g}, "
        "\"f32_products\": {:.4g}, \"bf16_vector_products\": {:.4g}, "
        "\"bf16_tile_products\": {:.4g}, \"read_bytes\": {{{}}}}}",
        rows.empty() ? "" : ",", count, peaks.int8_vectors, peaks.int8_tiles, peaks.f32,
        peaks.bf16_vectors, peaks.bf16_tiles, reads);
  }
  fmt::print("[{}\n]\n", rows);
}
