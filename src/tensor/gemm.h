#pragma once

#include <cstdint>

#include "base/thread_pool.h"

namespace jielong {

/// What the factors of a product are rounded to; sums are always f32.
enum class Precision : std::uint8_t { f32, bf16 };

/// A factor of gemm() in f32, rows `stride` floats apart. `transposed`: the matrix meant is the
/// transpose of the one that lies in memory.
struct Factor {
  const float* data = nullptr;
  std::int64_t stride = 0;
  bool transposed = false;
};

/// c (m, n) = a (m, k) · b (k, n), or c += a · b with `accumulate`; rows of c are `stride` floats
/// apart, and c overlaps neither factor. Both factors change from step to step, so nothing is
/// packed ahead; compare matmul.h, whose weights stay.
///
/// Every element is summed over k in the same order at any thread count, and whatever m and n are.
/// What is not a number, or infinite, spreads as in the definition. In bf16, factors are rounded to
/// nearest even; where the processor has bf16 products, subnormal numbers count as zero.
/// Not for a thread inside a region of the pool.
void gemm(ThreadPool& pool, Precision precision, std::int64_t m, std::int64_t n, std::int64_t k,
          const Factor& a, const Factor& b, float* c, std::int64_t stride, bool accumulate);

/// The same, with the same bytes, on the calling thread alone: for small products of a region.
void gemm(Precision precision, std::int64_t m, std::int64_t n, std::int64_t k, const Factor& a,
          const Factor& b, float* c, std::int64_t stride, bool accumulate);

}  // namespace jielong
