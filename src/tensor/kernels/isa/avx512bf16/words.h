#pragma once

#include <immintrin.h>

#include <cstdint>

#include "tensor/kernels/inline.h"
#include "tensor/kernels/isa/avx512/floats.h"

namespace jielong::avx512bf16 {
using namespace avx512;

/// Words of gemm() (tensor/kernels/gemm_pack.inl) that hold two bf16: the values of an even k
/// below, of the next above.
struct PairWords {
  static constexpr std::int64_t kValues = 2;
  static constexpr bool kPlain = false;

  /// The bf16 of `low`, then those of `high`.
  static JIELONG_KERNEL_MEMBER __m512i narrow(__m512 low, __m512 high) {
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
  }
  static JIELONG_KERNEL_MEMBER Floats along(const float* p, std::int64_t values) {
    if (values >= 2 * kLanes) {
      return {_mm512_castsi512_ps(narrow(_mm512_loadu_ps(p), _mm512_loadu_ps(p + kLanes)))};
    }
    const Floats low = load_first(p, values < kLanes ? values : kLanes);
    const Floats high = values > kLanes ? load_first(p + kLanes, values - kLanes) : zero();
    return {_mm512_castsi512_ps(narrow(low.v, high.v))};
  }
  static JIELONG_KERNEL_MEMBER Floats across(const float* p, std::int64_t stride,
                                             std::int64_t indices, std::int64_t values) {
    const std::int64_t n = indices < kLanes ? indices : kLanes;
    const Floats low = load_first(p, n), high = values > 1 ? load_first(p + stride, n) : zero();
    const __m512i places =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return {_mm512_castsi512_ps(_mm512_permutexvar_epi16(places, narrow(low.v, high.v)))};
  }
  static JIELONG_KERNEL_MEMBER Floats multiply(Floats a, Floats b, Floats sum) {
    return {_mm512_dpbf16_ps(sum.v, (__m512bh)_mm512_castps_si512(a.v),
                             (__m512bh)_mm512_castps_si512(b.v))};
  }
};

}  // namespace jielong::avx512bf16
