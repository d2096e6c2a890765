#include "train/newton_schulz.h"

#include <algorithm>
#include <cmath>

#include "tensor/vector_backward.h"

namespace jielong {
namespace {

constexpr std::int64_t kGrain = 4096;
// The quintic's coefficients.
constexpr float kA = 3.4445F, kB = -4.7750F, kC = 2.0315F;

/// y = a · x + b · y for each element.
void blend(ThreadPool& pool, float a, const float* x, float b, float* y, std::int64_t n) {
  pool.for_range(n, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) y[i] = a * x[i] + b * y[i];
  });
}

}  // namespace

void orthogonalize(ThreadPool& pool, Precision precision, int steps, std::int64_t rows,
                   std::int64_t columns, float* x, std::vector<float>& scratch) {
  const std::int64_t n = rows * columns;
  const bool wide = rows <= columns;
  const std::int64_t small = std::min(rows, columns);
  scratch.resize(static_cast<std::size_t>(n + 2 * small * small));
  float* next = scratch.data();
  float* gram = next + n;                    // X·Xᵀ or Xᵀ·X, whichever is smaller
  float* polynomial = gram + small * small;  // b · gram + c · gram²

  // The Frobenius norm bounds the largest singular value, and the iteration needs it below 1.
  const auto norm = static_cast<float>(1 / (std::sqrt(sum_of_squares(pool, x, n)) + 1e-7));
  blend(pool, 0, x, norm, x, n);
  float* current = x;
  for (int i = 0; i < steps; ++i) {
    const Factor plain{current, columns, false}, transposed{current, columns, true};
    gemm(pool, precision, small, small, wide ? columns : rows, wide ? plain : transposed,
         wide ? transposed : plain, gram, small, false);
    const Factor square{gram, small, false};
    gemm(pool, precision, small, small, small, square, square, polynomial, small, false);
    blend(pool, kB, gram, kC, polynomial, small * small);
    const Factor factor{polynomial, small, false};
    blend(pool, kA, current, 0, next, n);
    gemm(pool, precision, rows, columns, small, wide ? factor : plain, wide ? plain : factor, next,
         columns, true);
    std::swap(current, next);
  }
  if (current != x) std::copy_n(current, n, x);
}

}  // namespace jielong
