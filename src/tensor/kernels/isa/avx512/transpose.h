#pragma once

#include <immintrin.h>

#include <cstddef>

#include "tensor/kernels/inline.h"

namespace jielong::avx512 {

/// (16 rows, 16 floats) to (16 floats, 16 rows); rows are `stride` and `to_stride` floats apart.
/// Loads put rows 0, 4, 8, 12 side by side, so that half of the usual shuffles are left.
JIELONG_KERNEL void transpose_16(const float* from, std::size_t stride, float* to,
                                 std::size_t to_stride) {
#pragma GCC unroll 4
  for (std::size_t column = 0; column < 16; column += 4) {
    __m512 x[4];
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 4; ++i) {
      const float* p = from + i * stride + column;
      x[i] = _mm512_broadcast_f32x4(_mm_loadu_ps(p));
      x[i] = _mm512_mask_broadcast_f32x4(x[i], 0x00f0, _mm_loadu_ps(p + 4 * stride));
      x[i] = _mm512_mask_broadcast_f32x4(x[i], 0x0f00, _mm_loadu_ps(p + 8 * stride));
      x[i] = _mm512_mask_broadcast_f32x4(x[i], 0xf000, _mm_loadu_ps(p + 12 * stride));
    }
    const __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(x[0], x[1]));
    const __m512d b = _mm512_castps_pd(_mm512_unpackhi_ps(x[0], x[1]));
    const __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps(x[2], x[3]));
    const __m512d d = _mm512_castps_pd(_mm512_unpackhi_ps(x[2], x[3]));
    float* const out = to + column * to_stride;
    _mm512_storeu_ps(out, _mm512_castpd_ps(_mm512_unpacklo_pd(a, c)));
    _mm512_storeu_ps(out + to_stride, _mm512_castpd_ps(_mm512_unpackhi_pd(a, c)));
    _mm512_storeu_ps(out + 2 * to_stride, _mm512_castpd_ps(_mm512_unpacklo_pd(b, d)));
    _mm512_storeu_ps(out + 3 * to_stride, _mm512_castpd_ps(_mm512_unpackhi_pd(b, d)));
  }
}

}  // namespace jielong::avx512
