#include "tensor/reference/gemm.h"

#include "tensor/quant/half.h"

namespace jielong::reference {
namespace {

double element(const Factor& factor, std::int64_t row, std::int64_t column, Precision precision) {
  const float value = factor.transposed ? factor.data[column * factor.stride + row]
                                        : factor.data[row * factor.stride + column];
  return precision == Precision::bf16 ? bf16_to_f32(f32_to_bf16(value)) : value;
}

}  // namespace

void gemm(Precision precision, std::int64_t m, std::int64_t n, std::int64_t k, const Factor& a,
          const Factor& b, double* c, std::int64_t stride, bool accumulate) {
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      double sum = accumulate ? c[i * stride + j] : 0;
      for (std::int64_t l = 0; l < k; ++l) {
        sum += element(a, i, l, precision) * element(b, l, j, precision);
      }
      c[i * stride + j] = sum;
    }
  }
}

}  // namespace jielong::reference
