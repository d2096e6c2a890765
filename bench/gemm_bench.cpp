// Products of matrices that change, at the shapes of a training step, beside OpenBLAS and oneDNN
// where the build found them.
//
//   bench_gemm [model=gpt2|10m] [threads=1,2] [rounds=5] [precision=f32,bf16] [shapes=768x768,...]
//              [megabytes=96]
//
// Prints a Markdown table: for every product GFLOP/s, the median of `rounds` measurements, which
// alternate between the libraries; and the share of what the machine's units multiply at most,
// measured in the same run. Factors rotate through so many megabytes, more
// than the second-level caches hold, as weights do in training. bf16: the factors come as f32 from
// everybody and are rounded in the time measured; sums are f32.

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "bench/peaks.h"
#include "tensor/gemm.h"
#include "tensor/memory.h"

#if defined(JIELONG_BENCH_OPENBLAS)
#include <cblas.h>
#endif
#if defined(JIELONG_BENCH_ONEDNN)
#include <omp.h>

#include <dnnl.hpp>
#endif

namespace {

using namespace jielong;
/// Seconds that passed; with one thread those that it ran, so that other programs disturb less.
double seconds_now(int threads) {
  timespec t{};
  clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

struct Product {
  std::string name;
  std::int64_t m, n, k;
  bool transposed_a, transposed_b, accumulate;

  double flops() const {
    return 2 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  }
};

/// The three products of y = x · Wᵀ with W (out, in) for `rows` tokens.
std::vector<Product> products_of(std::int64_t rows, std::int64_t out, std::int64_t in) {
  const std::string shape = fmt::format("{} x {}", out, in);
  return {{"y, W " + shape, rows, out, in, false, true, false},
          {"dx, W " + shape, rows, in, out, false, false, false},
          {"dW " + shape, out, in, rows, true, false, true}};
}

/// Memory for one call: factors and result.
struct Operands {
  Operands(const Product& p, std::uint64_t seed) {
    const auto make = [&](std::int64_t count) {
      auto memory = allocate_bytes(static_cast<std::size_t>(count) * sizeof(float));
      return std::shared_ptr<float[]>(memory, reinterpret_cast<float*>(memory.get()));
    };
    Rng rng(seed);
    a = make(p.m * p.k), b = make(p.k * p.n), c = make(p.m * p.n);
    for (std::int64_t i = 0; i < p.m * p.k; ++i) a[i] = static_cast<float>(rng.uniform() - 0.5);
    for (std::int64_t i = 0; i < p.k * p.n; ++i) b[i] = static_cast<float>(rng.uniform() - 0.5);
    std::fill_n(c.get(), p.m * p.n, 0.0f);
  }
  std::shared_ptr<float[]> a, b, c;
};

std::int64_t stride_a(const Product& p) { return p.transposed_a ? p.m : p.k; }
std::int64_t stride_b(const Product& p) { return p.transposed_b ? p.k : p.n; }

using Run = std::function<void(const Operands&)>;

Run own(ThreadPool& pool, const Product& p, Precision precision) {
  return [&pool, p, precision](const Operands& x) {
    gemm(pool, precision, p.m, p.n, p.k, {x.a.get(), stride_a(p), p.transposed_a},
         {x.b.get(), stride_b(p), p.transposed_b}, x.c.get(), p.n, p.accumulate);
  };
}

Run openblas([[maybe_unused]] int threads, [[maybe_unused]] const Product& p,
             [[maybe_unused]] Precision precision) {
#if defined(JIELONG_BENCH_OPENBLAS)
  if (precision != Precision::f32) return {};
  openblas_set_num_threads(threads);
  return [p, threads](const Operands& x) {
    openblas_set_num_threads(threads);
    const auto i = [](std::int64_t v) { return static_cast<blasint>(v); };
    cblas_sgemm(CblasRowMajor, p.transposed_a ? CblasTrans : CblasNoTrans,
                p.transposed_b ? CblasTrans : CblasNoTrans, i(p.m), i(p.n), i(p.k), 1, x.a.get(),
                i(stride_a(p)), x.b.get(), i(stride_b(p)), p.accumulate ? 1 : 0, x.c.get(), i(p.n));
  };
#else
  return {};
#endif
}

#if defined(JIELONG_BENCH_ONEDNN)
/// oneDNN's matmul; for bf16 with a reorder of each factor before it.
struct OneDnn {
  using Memory = dnnl::memory;

  OneDnn(const Product& p, Precision precision) : bf16(precision == Precision::bf16) {
    const auto layout = [](std::int64_t rows, std::int64_t columns, bool transposed,
                           Memory::data_type type) {
      return Memory::desc({rows, columns}, type,
                          transposed ? Memory::dims{1, rows} : Memory::dims{columns, 1});
    };
    const auto narrow = bf16 ? Memory::data_type::bf16 : Memory::data_type::f32;
    const auto wide = Memory::data_type::f32;
    from_a = Memory(layout(p.m, p.k, p.transposed_a, wide), engine, nullptr);
    from_b = Memory(layout(p.k, p.n, p.transposed_b, wide), engine, nullptr);
    c = Memory(layout(p.m, p.n, false, wide), engine, nullptr);
    dnnl::primitive_attr attributes;
    if (p.accumulate) {
      dnnl::post_ops sum;
      sum.append_sum();
      attributes.set_post_ops(sum);
    }
    const auto plain_a = layout(p.m, p.k, p.transposed_a, narrow);
    const auto plain_b = layout(p.k, p.n, p.transposed_b, narrow);
    // Reorders may as well bring the factors into the layouts that the product likes best.
    const auto any = Memory::format_tag::any;
    const auto wish_a = bf16 ? Memory::desc({p.m, p.k}, narrow, any) : plain_a;
    const auto wish_b = bf16 ? Memory::desc({p.k, p.n}, narrow, any) : plain_b;
    const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(wish_a, wish_b, c.get_desc()),
                                                   attributes, engine);
    product = dnnl::matmul(description);
    if (bf16) {
      a = Memory(description.src_desc(), engine), b = Memory(description.weights_desc(), engine);
      convert_a = dnnl::reorder(from_a, a), convert_b = dnnl::reorder(from_b, b);
    }
  }

  void run(const Operands& x) {
    from_a.set_data_handle(x.a.get()), from_b.set_data_handle(x.b.get());
    c.set_data_handle(x.c.get());
    if (bf16) {
      convert_a.execute(stream, from_a, a), convert_b.execute(stream, from_b, b);
    }
    product.execute(stream, {{DNNL_ARG_SRC, bf16 ? a : from_a},
                             {DNNL_ARG_WEIGHTS, bf16 ? b : from_b},
                             {DNNL_ARG_DST, c}});
    stream.wait();
  }

  bool bf16;
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  Memory from_a, from_b, a, b, c;
  dnnl::reorder convert_a, convert_b;
  dnnl::matmul product;
};
#endif

Run onednn([[maybe_unused]] int threads, [[maybe_unused]] const Product& p,
           [[maybe_unused]] Precision precision) {
#if defined(JIELONG_BENCH_ONEDNN)
  omp_set_num_threads(threads);
  const auto library = std::make_shared<OneDnn>(p, precision);
  return [library, threads](const Operands& x) {
    omp_set_num_threads(threads);
    library->run(x);
  };
#else
  return {};
#endif
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Seconds of one call, over calls on rotating operands for about 30 ms.
double seconds_of(const Run& run, const std::vector<Operands>& operands, int threads) {
  constexpr double kEnough = 0.03;
  std::size_t calls = 0;
  const double start = seconds_now(threads);
  for (;;) {
    run(operands[calls++ % operands.size()]);
    const double passed = seconds_now(threads) - start;
    if (passed > kEnough) return passed / static_cast<double>(calls);
  }
}

void bench(ThreadPool& pool, const Product& p, Precision precision, int rounds, double peak,
           std::int64_t bytes) {
  const std::int64_t each = 4 * (p.m * p.k + p.k * p.n + p.m * p.n);
  std::vector<Operands> operands;
  for (std::int64_t i = 0; i < std::max<std::int64_t>(1, bytes / each); ++i) {
    operands.emplace_back(p, static_cast<std::uint64_t>(i));
  }
  const Run runs[] = {own(pool, p, precision), openblas(pool.size(), p, precision),
                      onednn(pool.size(), p, precision)};
  std::vector<double> seconds[std::size(runs)];
  for (int round = -1; round < rounds; ++round) {
    for (std::size_t i = 0; i < std::size(runs); ++i) {
      const std::size_t turn = (i + static_cast<std::size_t>(round + 1)) % std::size(runs);
      if (!runs[turn]) continue;
      const double passed = seconds_of(runs[turn], operands, pool.size());
      if (round >= 0) seconds[turn].push_back(passed);
    }
  }
  std::string row = fmt::format("| {} | {} | {} |", p.name,
                                precision == Precision::f32 ? "f32" : "bf16", pool.size());
  const double ours = median(seconds[0]);
  for (std::size_t i = 0; i < std::size(runs); ++i) {
    if (!runs[i]) {
      row += " | |";
      continue;
    }
    const double time = median(seconds[i]);
    row += fmt::format(" {:.0f} | {:.0f}% |", p.flops() / time / 1e9,
                       peak > 0 ? p.flops() / time / (2 * peak) * 100 : 0.0);
  }
  double rival = 1e30;
  for (std::size_t i = 1; i < std::size(runs); ++i) {
    if (runs[i]) rival = std::min(rival, median(seconds[i]));
  }
  fmt::print("{} {} |\n", row, rival < 1e30 ? fmt::format("{:.2f}", rival / ours) : "");
  std::fflush(stdout);
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

std::int64_t number(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  std::string model = "gpt2", threads = "1,2", precisions = "f32,bf16", shapes;
  int rounds = 5;
  std::int64_t megabytes = 96;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const auto equals = argument.find('=');
    if (equals == std::string_view::npos) continue;
    const auto key = argument.substr(0, equals), value = argument.substr(equals + 1);
    if (key == "model") model = value;
    if (key == "threads") threads = value;
    if (key == "precision") precisions = value;
    if (key == "shapes") shapes = value;
    if (key == "megabytes") megabytes = number(value);
    if (key == "rounds") rounds = std::max(1, static_cast<int>(number(value)));
  }
  if (shapes.empty()) {
    // Outputs and inputs of the matrices: queries, keys and values; attention's output; the
    // feed-forward's two; the head.
    shapes = model == "gpt2" ? "2304x768,768x768,3072x768,768x3072,50257x768"
                             : "768x256,256x256,1536x256,256x768,8192x256";
  }
  fmt::print(
      "| product | factors | threads | own, GFLOP/s | of peak | OpenBLAS | of peak | oneDNN | of "
      "peak | own / best other |\n"
      "| --- | --- | --: | --: | --: | --: | --: | --: | --: | --: |\n");
  for (const auto& count : split(threads)) {
    ThreadPool pool(static_cast<int>(std::max<std::int64_t>(1, number(count))));
    const bench::Peaks peaks = bench::measure_peaks(pool);
    for (const auto& precision : split(precisions)) {
      const bool bf16 = precision == "bf16";
      const double peak =
          bf16 ? std::max({peaks.f32, peaks.bf16_vectors, peaks.bf16_tiles}) : peaks.f32;
      for (const auto& shape : split(shapes)) {
        const auto x = shape.find('x');
        if (x == std::string::npos) continue;
        const std::string_view text = shape;
        for (const Product& p :
             products_of(256, number(text.substr(0, x)), number(text.substr(x + 1)))) {
          ::bench(pool, p, bf16 ? Precision::bf16 : Precision::f32, rounds, peak, megabytes << 20);
        }
      }
      fmt::print("| (peak, {}) | {} | {} | {:.0f} | 100% | | | | | |\n", name(active_isa()),
                 precision, pool.size(), 2 * peak / 1e9);
    }
  }
}
