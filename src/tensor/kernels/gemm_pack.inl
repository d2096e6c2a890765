// How gemm() lays out its factors. Both become 32-bit words: one f32 each, or two bf16 that are
// neighbours in k (src/tensor/kernels/isa/avx512bf16/words.h). A block of a is (row, word), a panel
// of b is (word, column); so each factor has one direction in memory that is copied as it is, and
// one that is transposed in blocks of 16 × 16 words. Words beyond the end of k are zero. Included
// inside the namespace of an instruction set, after its floats.h and transpose_16.

/// A factor, seen from k: `index` counts the rows of a or the columns of b.
struct Side {
  const float* data;
  std::int64_t stride;
  bool along;  ///< rows in memory run along k

  JIELONG_KERNEL_MEMBER const float* at(std::int64_t index, std::int64_t k) const {
    return data + (along ? index * stride + k : k * stride + index);
  }
};

JIELONG_KERNEL std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

/// Words that are f32.
struct FloatWords {
  static constexpr std::int64_t kValues = 1;  ///< of k, in a word
  static constexpr bool kPlain = true;        ///< words are as they lie in memory

  /// 16 words of one index; `values` (at least 1) of k are there.
  static JIELONG_KERNEL_MEMBER Floats along(const float* p, std::int64_t values) {
    return values >= kLanes ? load(p) : load_first(p, values);
  }
  /// One word each of 16 indices, of which `indices` are there. The word's values, of which
  /// `values` (at least 1) are there, lie `stride` floats apart.
  static JIELONG_KERNEL_MEMBER Floats across(const float* p, std::int64_t /*stride*/,
                                             std::int64_t indices, std::int64_t /*values*/) {
    return indices >= kLanes ? load(p) : load_first(p, indices);
  }
  /// sum + a · b
  static JIELONG_KERNEL_MEMBER Floats multiply(Floats a, Floats b, Floats sum) {
    return fma(a, b, sum);
  }
};

/// Words that are f32, rounded to bf16.
struct RoundedWords : FloatWords {
  static constexpr bool kPlain = false;

  static JIELONG_KERNEL_MEMBER Floats rounded(Floats x) {
    std::uint16_t brain[kLanes];
    store_bf16(brain, x);
    return load_bf16(brain);
  }
  static JIELONG_KERNEL_MEMBER Floats along(const float* p, std::int64_t values) {
    return rounded(FloatWords::along(p, values));
  }
  static JIELONG_KERNEL_MEMBER Floats across(const float* p, std::int64_t stride,
                                             std::int64_t indices, std::int64_t values) {
    return rounded(FloatWords::across(p, stride, indices, values));
  }
};

/// Packs 16 indices × 16 words, of which `indices` and `values` of k are there and the others
/// become zero, as (index, word) or else (word, index), `to_stride` words apart.
template <typename Words>
JIELONG_KERNEL void pack_block(const Side& side, std::int64_t index, std::int64_t indices,
                               std::int64_t k, std::int64_t values, bool by_index, float* to,
                               std::int64_t to_stride) {
  alignas(64) float block[kLanes * kLanes];
  const bool transposed = side.along != by_index;
  float* const rows = transposed ? block : to;
  const std::int64_t stride = transposed ? kLanes : to_stride;
  const float* const from = side.at(index, k);
  if constexpr (Words::kPlain) {
    if (transposed && indices >= kLanes && values >= kLanes) {
      return transpose_16(from, static_cast<std::size_t>(side.stride), to,
                          static_cast<std::size_t>(to_stride));
    }
  }
  for (std::int64_t i = 0; i < kLanes; ++i) {
    Floats words = zero();
    if (side.along) {
      if (i < indices) words = Words::along(from + i * side.stride, values);
    } else {
      const std::int64_t k_before = i * Words::kValues;
      if (k_before < values) {
        words =
            Words::across(from + k_before * side.stride, side.stride, indices, values - k_before);
      }
    }
    store(rows + i * stride, words);
  }
  if (transposed) {
    transpose_16(block, kLanes, to, static_cast<std::size_t>(to_stride));
  }
}

/// Packs `indices` × `values` of k from (index, k) on, in the order in which they lie in memory.
template <typename Words>
void pack(const Side& side, std::int64_t index, std::int64_t indices, std::int64_t k,
          std::int64_t values, bool by_index, float* to, std::int64_t to_stride) {
  constexpr std::int64_t kSpan = kLanes * Words::kValues;  // of k, in a block
  const auto block = [&](std::int64_t i, std::int64_t v) {
    const std::int64_t word = v / Words::kValues;
    pack_block<Words>(side, index + i, indices - i, k + v, values - v, by_index,
                      to + (by_index ? i * to_stride + word : word * to_stride + i), to_stride);
  };
  if (side.along) {
    for (std::int64_t i = 0; i < indices; i += kLanes) {
      for (std::int64_t v = 0; v < values; v += kSpan) block(i, v);
    }
  } else {
    for (std::int64_t v = 0; v < values; v += kSpan) {
      for (std::int64_t i = 0; i < indices; i += kLanes) block(i, v);
    }
  }
}
