#include "tensor/gemm.h"

#include <algorithm>

#include "tensor/isa.h"
#include "tensor/kernels/gemm_kernels.h"

namespace jielong {
namespace {

/// Products of fewer multiplications are not worth waking the other threads for.
constexpr std::int64_t kWorthSharing = 1 << 17;

/// Multiplications that packing one value costs the time of.
constexpr std::int64_t kPackingCost = 16;

const GemmKernels& kernels() {
  switch (active_isa()) {
#if defined(__x86_64__)
    case Isa::avx2:
    case Isa::avxvnni: return avx2::gemm_kernels;
    case Isa::avx512: return avx512::gemm_kernels;
    case Isa::avx512bf16: return avx512bf16::gemm_kernels;
    case Isa::amx: return amx::gemm_kernels;
    default: return baseline::gemm_kernels;
#elif defined(__aarch64__)
    default: return neon::gemm_kernels;
#else
    default: return baseline::gemm_kernels;
#endif
  }
}

const GemmKernel& kernel(Precision precision) {
  return precision == Precision::bf16 ? kernels().bf16 : kernels().f32;
}

/// Elements from which on a result may be written past the caches.
constexpr std::int64_t kWorthStreaming = 1 << 18;

/// Whether c is large, also beside its factors: a weight's gradient, which is not read before the
/// optimizer runs.
bool worth_streaming(std::int64_t m, std::int64_t n, std::int64_t k, bool accumulate) {
  return !accumulate && m * n >= kWorthStreaming && m * n > k * (m + n);
}

/// The largest of `parts` parts of `count`, in units.
std::int64_t largest_part(std::int64_t count, std::int64_t unit, std::int64_t parts) {
  const std::int64_t units = (count + unit - 1) / unit;
  return std::min(count, (units + parts - 1) / parts * unit);
}

/// Into how many bands of rows c is split among `threads`; the rest of the factor splits columns.
/// A thread packs what it needs of both factors, so parts should be balanced, and near square.
int row_parts(const GemmKernel& kernel, std::int64_t m, std::int64_t n, int threads) {
  int best = 1;
  std::int64_t least = 0;
  for (int parts = 1; parts <= threads; ++parts) {
    if (threads % parts != 0) continue;
    const std::int64_t rows = largest_part(m, kernel.rows, parts);
    const std::int64_t columns = largest_part(n, kernel.columns, threads / parts);
    const std::int64_t cost = rows * columns + kPackingCost * (rows + columns);
    if (parts == 1 || cost < least) best = parts, least = cost;
  }
  return best;
}

/// What is left to do when there is nothing to sum. True if that was all.
bool is_trivial(std::int64_t m, std::int64_t n, std::int64_t k, float* c, std::int64_t stride,
                bool accumulate) {
  if (m <= 0 || n <= 0) return true;
  if (k > 0) return false;
  for (std::int64_t i = 0; i < m && !accumulate; ++i) std::fill_n(c + i * stride, n, 0.0f);
  return true;
}

}  // namespace

void gemm(Precision precision, std::int64_t m, std::int64_t n, std::int64_t k, const Factor& a,
          const Factor& b, float* c, std::int64_t stride, bool accumulate) {
  if (is_trivial(m, n, k, c, stride, accumulate)) return;
  kernel(precision).multiply(
      {a, b, k, c, stride, accumulate, {0, m}, {0, n}, worth_streaming(m, n, k, accumulate)});
}

void gemm(ThreadPool& pool, Precision precision, std::int64_t m, std::int64_t n, std::int64_t k,
          const Factor& a, const Factor& b, float* c, std::int64_t stride, bool accumulate) {
  if (pool.size() == 1 || m * n < kWorthSharing / std::max<std::int64_t>(k, 1)) {
    return gemm(precision, m, n, k, a, b, c, stride, accumulate);
  }
  if (is_trivial(m, n, k, c, stride, accumulate)) return;
  const GemmKernel& chosen = kernel(precision);
  const bool stream = worth_streaming(m, n, k, accumulate);
  pool.run([&](int thread, int threads) {
    const int bands = row_parts(chosen, m, n, threads), columns = threads / bands;
    const auto [top, bottom] = ThreadPool::slice(m, chosen.rows, thread / columns, bands);
    const auto [left, right] = ThreadPool::slice(n, chosen.columns, thread % columns, columns);
    if (top >= bottom || left >= right) return;
    chosen.multiply({a, b, k, c, stride, accumulate, {top, bottom}, {left, right}, stream});
  });
}

}  // namespace jielong
