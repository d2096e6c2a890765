#include "tensor/vector_backward.h"

#include <algorithm>
#include <vector>

#include "tensor/kernels/tables.h"

namespace jielong {

const BackwardKernels& backward_vectors() { return *float_kernels().backward; }

double sum_of_squares(ThreadPool& pool, const float* x, std::int64_t n) {
  constexpr std::int64_t kBlock = 1 << 15;
  const std::int64_t blocks = (n + kBlock - 1) / kBlock;
  std::vector<double> sums(static_cast<std::size_t>(blocks));
  const auto add_blocks = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      sums[static_cast<std::size_t>(i)] =
          backward_vectors().sum_of_squares(x + i * kBlock, std::min(kBlock, n - i * kBlock));
    }
  };
  if (blocks <= 1) {
    add_blocks(0, blocks);
  } else {
    pool.for_range(blocks, 1, add_blocks);
  }
  double sum = 0;
  for (const double each : sums) sum += each;
  return sum;
}

}  // namespace jielong
