#pragma once

#include <immintrin.h>

#include <cstddef>

#include "tensor/kernels/inline.h"

namespace jielong::avx2 {

/// (16 rows, 16 floats) to (16 floats, 16 rows); rows are `stride` and `to_stride` floats apart.
/// In blocks of 8 rows and 4 columns, whose loads put rows i and i + 4 side by side.
JIELONG_KERNEL void transpose_16(const float* from, std::size_t stride, float* to,
                                 std::size_t to_stride) {
  for (std::size_t row = 0; row < 16; row += 8) {
    for (std::size_t column = 0; column < 16; column += 4) {
      __m256 x[4];
#pragma GCC unroll 4
      for (std::size_t i = 0; i < 4; ++i) {
        const float* p = from + (row + i) * stride + column;
        x[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)),
                                    _mm_loadu_ps(p + 4 * stride), 1);
      }
      const __m256d a = _mm256_castps_pd(_mm256_unpacklo_ps(x[0], x[1]));
      const __m256d b = _mm256_castps_pd(_mm256_unpackhi_ps(x[0], x[1]));
      const __m256d c = _mm256_castps_pd(_mm256_unpacklo_ps(x[2], x[3]));
      const __m256d d = _mm256_castps_pd(_mm256_unpackhi_ps(x[2], x[3]));
      float* const out = to + column * to_stride + row;
      _mm256_storeu_ps(out, _mm256_castpd_ps(_mm256_unpacklo_pd(a, c)));
      _mm256_storeu_ps(out + to_stride, _mm256_castpd_ps(_mm256_unpackhi_pd(a, c)));
      _mm256_storeu_ps(out + 2 * to_stride, _mm256_castpd_ps(_mm256_unpacklo_pd(b, d)));
      _mm256_storeu_ps(out + 3 * to_stride, _mm256_castpd_ps(_mm256_unpackhi_pd(b, d)));
    }
  }
}

}  // namespace jielong::avx2
