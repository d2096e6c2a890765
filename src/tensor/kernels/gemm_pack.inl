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

/// Packs `indices` × `values` of k from (index, k) on as (index, word) or else as (word, index),
/// rows `to_stride` words apart, where they lie in memory in the same order: row by row.
template <typename Words>
void pack_straight(const Side& side, std::int64_t index, std::int64_t indices, std::int64_t k,
                   std::int64_t values, float* to, std::int64_t to_stride) {
  if (side.along) {
    for (std::int64_t i = 0; i < indices; ++i, to += to_stride) {
      const float* const from = side.at(index + i, k);
      for (std::int64_t v = 0, word = 0; v < values; v += kLanes * Words::kValues, word += kLanes) {
        store(to + word, Words::along(from + v, values - v));
      }
    }
    return;
  }
  constexpr std::int64_t kSpan = kLanes * Words::kValues;
  const std::int64_t padded = (values + kSpan - 1) / kSpan * kSpan;
  for (std::int64_t v = 0; v < padded; v += Words::kValues, to += to_stride) {
    const float* const from = side.at(index, k + v);
    for (std::int64_t i = 0; i < indices; i += kLanes) {
      store(to + i,
            v < values ? Words::across(from + i, side.stride, indices - i, values - v) : zero());
    }
  }
}

/// The same where one is the transpose of the other: in blocks of 16 × 16 words, in the order in
/// which they lie in memory.
template <typename Words>
void pack_transposed(const Side& side, std::int64_t index, std::int64_t indices, std::int64_t k,
                     std::int64_t values, float* to, std::int64_t to_stride) {
  constexpr std::int64_t kSpan = kLanes * Words::kValues;  // of k, in a block
  const auto block = [&](std::int64_t i, std::int64_t v) {
    const float* const from = side.at(index + i, k + v);
    const std::int64_t word = v / Words::kValues;
    float* const out = to + (side.along ? word * to_stride + i : i * to_stride + word);
    const auto stride = static_cast<std::size_t>(to_stride);
    if constexpr (Words::kPlain) {
      if (indices - i >= kLanes && values - v >= kLanes) {
        return transpose_16(from, static_cast<std::size_t>(side.stride), out, stride);
      }
    }
    alignas(64) float words[kLanes][kLanes];
    for (std::int64_t r = 0; r < kLanes; ++r) {
      if (side.along) {
        store(words[r],
              r < indices - i ? Words::along(from + r * side.stride, values - v) : zero());
      } else {
        const std::int64_t left = values - v - r * Words::kValues;
        store(words[r], left > 0 ? Words::across(from + r * Words::kValues * side.stride,
                                                 side.stride, indices - i, left)
                                 : zero());
      }
    }
    transpose_16(words[0], kLanes, out, stride);
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

/// Packs as (index, word) when `by_index`, else as (word, index).
template <typename Words>
JIELONG_KERNEL void pack(const Side& side, std::int64_t index, std::int64_t indices, std::int64_t k,
                         std::int64_t values, bool by_index, float* to, std::int64_t to_stride) {
  if (side.along == by_index) {
    pack_straight<Words>(side, index, indices, k, values, to, to_stride);
  } else {
    pack_transposed<Words>(side, index, indices, k, values, to, to_stride);
  }
}
