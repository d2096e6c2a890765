// Matrix products on one thread: GB/s of packed weights and GMAC/s, beside what this
// machine reads and multiplies at most.
//
//   matmul_bench [rows=1,512] [formats=Q4_1,Q4_K,...] [shapes=1536x1536,...]

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "tensor/isa.h"
#include "tensor/matmul.h"

namespace {

using namespace jielong;

/// Processor time of this thread, so that other programs disturb less.
double seconds_used() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

/// Best and median seconds of one call.
struct Times {
  double best, median;
};
template <typename Body>
Times measure(const Body& body) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> seconds;
  const auto start = Clock::now();
  while (seconds.size() < 5 ||
         (seconds.size() < 2000 && Clock::now() - start < std::chrono::milliseconds(300))) {
    const double before = seconds_used();
    body();
    seconds.push_back(seconds_used() - before);
  }
  std::sort(seconds.begin(), seconds.end());
  return {seconds.front(), seconds[seconds.size() / 2]};
}

/// Bytes a second that one thread reads from `megabytes` of memory.
double read_bandwidth(std::size_t megabytes) {
  std::vector<std::uint64_t> memory((megabytes << 20) / 8, 1);
  std::uint64_t sink = 0;
  const double seconds = measure([&] {
                           std::uint64_t s[8] = {};
                           for (std::size_t i = 0; i < memory.size(); i += 8) {
                             for (std::size_t j = 0; j < 8; ++j) s[j] ^= memory[i + j];
                           }
                           for (const auto v : s) sink ^= v;
                         }).best;
  if (sink == 42) fmt::print(" ");
  return static_cast<double>(memory.size()) * 8 / seconds;
}

/// Int8 products a second of the vector unit of the active set; 0 where it is not known.
double int8_peak() {
#if defined(__x86_64__)
  constexpr int kRounds = 20000;
  const Isa isa = active_isa();
  if (isa == Isa::avx512 || isa == Isa::amx) {
    const double seconds =
        measure([] {
          for (int i = 0; i < kRounds; ++i) {
            asm volatile(
                "vpdpbusd %%zmm31, %%zmm31, %%zmm0\n vpdpbusd %%zmm31, %%zmm31, %%zmm1\n"
                "vpdpbusd %%zmm31, %%zmm31, %%zmm2\n vpdpbusd %%zmm31, %%zmm31, %%zmm3\n"
                "vpdpbusd %%zmm31, %%zmm31, %%zmm4\n vpdpbusd %%zmm31, %%zmm31, %%zmm5\n"
                "vpdpbusd %%zmm31, %%zmm31, %%zmm6\n vpdpbusd %%zmm31, %%zmm31, %%zmm7\n"
                "vpdpbusd %%zmm31, %%zmm31, %%zmm8\n vpdpbusd %%zmm31, %%zmm31, %%zmm9\n" ::
                    : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                      "xmm9");
          }
        }).best;
    return kRounds * 10.0 * 64 / seconds;
  }
#endif
  return 0;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto comma = text.find(',');
    parts.emplace_back(text.substr(0, comma));
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return parts;
}

void bench(DType dtype, std::int64_t out, std::int64_t in, std::int64_t rows, double bandwidth,
           double peak) {
  const auto block = info(dtype).block_elements;
  if (in % block != 0) return;
  Rng rng(1);
  // Small numbers in any format: a byte of 0x2a in both halves of a scale is a normal f16.
  const std::vector<std::byte> data(row_bytes(dtype, in) * static_cast<std::size_t>(out),
                                    std::byte{0x2a});
  const double before = seconds_used();
  const PackedMatrix w = PackedMatrix::pack(dtype, data, out, in);
  const double pack = seconds_used() - before;
  std::vector<float> x(static_cast<std::size_t>(rows * in)),
      y(static_cast<std::size_t>(rows * out));
  for (auto& v : x) v = static_cast<float>(rng.uniform() - 0.5);
  RowBuffer buffer;
  buffer.resize(w.row_format(), rows, in);
  const double convert = measure([&] { buffer.convert(x.data(), in, {0, rows}); }).best;
  const Times t = measure([&] { multiply(w, buffer, y.data(), out, {0, rows}, {0, w.panels()}); });
  const double macs =
      static_cast<double>(out) * static_cast<double>(in) * static_cast<double>(rows);
  const double bytes = static_cast<double>(w.bytes());
  fmt::print(
      "{:7} {:6}x{:<6} {:4} rows {:9.1f} us (median {:9.1f}) {:6.1f} GB/s {:4.0f}%  {:6.0f} "
      "GMAC/s {:4.0f}%  convert {:6.1f} us  pack {:4.1f} GB/s\n",
      info(dtype).name, out, in, rows, t.best * 1e6, t.median * 1e6, bytes / t.best / 1e9,
      bytes / t.best / bandwidth * 100, macs / t.best / 1e9,
      peak > 0 ? macs / t.best / peak * 100 : 0.0, convert * 1e6,
      static_cast<double>(data.size()) / pack / 1e9);
}

}  // namespace

int main(int argc, char** argv) {
  std::string rows = "1,512", formats = "Q4_1,Q4_K,Q6_K,Q8_0,Q5_0", shapes = "1536x1536";
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const auto equals = argument.find('=');
    const std::string_view key = argument.substr(0, equals);
    if (equals == std::string_view::npos) continue;
    (key == "rows" ? rows : key == "formats" ? formats : shapes) = argument.substr(equals + 1);
  }
  const double bandwidth = read_bandwidth(64), peak = int8_peak();
  fmt::print("{}: one thread reads {:.1f} GB/s, its vectors multiply {:.0f} GMAC/s (int8)\n",
             name(active_isa()), bandwidth / 1e9, peak / 1e9);
  for (const auto& shape : split(shapes)) {
    const auto x = shape.find('x');
    for (const auto& format : split(formats)) {
      for (const auto& count : split(rows)) {
        const auto dtype = dtype_by_name(format);
        if (!dtype || x == std::string::npos) continue;
        bench(*dtype, std::stoll(shape.substr(0, x)), std::stoll(shape.substr(x + 1)),
              std::stoll(count), bandwidth, peak);
      }
    }
  }
}
