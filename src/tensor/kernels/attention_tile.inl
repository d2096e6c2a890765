// The one multiplication of attention: a few rows times a page, C (rows, columns) from
// A (rows, inner) and B (inner, columns), where B is a page's keys (inner = channel, columns =
// positions) or values (inner = position, columns = channels). Every element of C is summed
// over `inner` in order by fused multiplications, whatever the tile. Included inside the
// namespace of an instruction set, after its floats.h and tuning constants:
//   kTileRows            most rows of a register tile
//   tile_vectors(rows)   columns of the tile of so many rows, in vectors

namespace {

// A page's rows are read once by decoding, from memory. While row k is multiplied, row k of
// what will be read a little later, at `ahead`, is asked for.

/// Asks for `bytes` at p to be brought near.
JIELONG_KERNEL void fetch(const std::byte* p, std::int64_t bytes) {
  for (std::int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(p + i, 0, 2);
}

/// B in f32, (inner, width), read more than once.
struct ScratchPage {
  const float* elements;
  std::int64_t width;

  JIELONG_KERNEL_MEMBER Floats at(std::int64_t k, std::int64_t column) const {
    return load(elements + k * width + column);
  }
  JIELONG_KERNEL_MEMBER void prefetch(std::int64_t) const {}
};

/// B in f32, (inner, width).
struct SinglePage {
  const float* elements;
  std::int64_t width;
  const std::byte* ahead;

  JIELONG_KERNEL_MEMBER void prefetch(std::int64_t k) const {
    fetch(ahead + k * width * 4, width * 4);
  }

  JIELONG_KERNEL_MEMBER Floats at(std::int64_t k, std::int64_t column) const {
    return load(elements + k * width + column);
  }
};

/// B in f16, (inner, width).
struct HalfPage {
  const std::uint16_t* elements;
  std::int64_t width;
  const std::byte* ahead;

  JIELONG_KERNEL_MEMBER void prefetch(std::int64_t k) const {
    fetch(ahead + k * width * 2, width * 2);
  }

  JIELONG_KERNEL_MEMBER Floats at(std::int64_t k, std::int64_t column) const {
    return load_f16(elements + k * width + column);
  }
};

/// Keys in q8_0, (channel, position), with scales (channel / 32, position).
struct ByteKeys {
  const std::int8_t* elements;
  const float* scales;
  const std::byte* ahead;

  JIELONG_KERNEL_MEMBER void prefetch(std::int64_t k) const {
    fetch(ahead + k * KvLayout::kPositions, KvLayout::kPositions);
  }

  JIELONG_KERNEL_MEMBER Floats at(std::int64_t k, std::int64_t column) const {
    const std::int64_t block = k / kKvBlock;
    return load_i8(elements + k * KvLayout::kPositions + column) *
           load(scales + block * KvLayout::kPositions + column);
  }
};

/// Values in q8_0, (position, width), with scales (channel / 32, position) from the block's
/// first channel on.
struct ByteValues {
  const std::int8_t* elements;
  const float* scales;
  std::int64_t width;
  const std::byte* ahead;

  JIELONG_KERNEL_MEMBER void prefetch(std::int64_t k) const { fetch(ahead + k * width, width); }

  JIELONG_KERNEL_MEMBER Floats at(std::int64_t k, std::int64_t column) const {
    const std::int64_t block = column / kKvBlock;
    return load_i8(elements + k * width + column) * splat(scales[block * KvLayout::kPositions + k]);
  }
};

/// A as it lies in memory: rows one after the other, or its transpose.
struct RowMajor {
  const float* elements;
  std::int64_t stride;

  JIELONG_KERNEL_MEMBER float at(std::int64_t row, std::int64_t k) const {
    return elements[row * stride + k];
  }
};
struct ColumnMajor {
  const float* elements;
  std::int64_t stride;

  JIELONG_KERNEL_MEMBER float at(std::int64_t row, std::int64_t k) const {
    return elements[k * stride + row];
  }
};

/// Columns [column, column + 16·kVectors) of kRows rows, inner index in [begin, end).
template <int kRows, int kVectors, typename Rows, typename Page>
JIELONG_KERNEL void tile(const Rows& a, const Page& page, std::int64_t begin, std::int64_t end,
                         std::int64_t column, float* c, std::int64_t c_stride, bool fresh) {
  Floats sums[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      sums[r][v] = fresh ? zero() : load(c + r * c_stride + column + v * kLanes);
    }
  }
  for (std::int64_t k = begin; k < end; ++k) {
    if (column == 0) page.prefetch(k);
    Floats b[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) b[v] = page.at(k, column + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Floats each = splat(a.at(r, k));
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sums[r][v] = fma(each, b[v], sums[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) store(c + r * c_stride + column + v * kLanes, sums[r][v]);
  }
}

/// All `columns` (a multiple of 16) of kRows rows; C starts from 0 when `fresh`.
template <int kRows, typename Rows, typename Page>
void multiply_rows(const Rows& a, const Page& page, std::int64_t begin, std::int64_t end,
                   std::int64_t columns, float* c, std::int64_t c_stride, bool fresh) {
  constexpr int kVectors = tile_vectors(kRows);
  std::int64_t column = 0;
  for (; column + kVectors * kLanes <= columns; column += kVectors * kLanes) {
    tile<kRows, kVectors>(a, page, begin, end, column, c, c_stride, fresh);
  }
  if constexpr (kVectors > 2) {
    if (column + 2 * kLanes <= columns) {
      tile<kRows, 2>(a, page, begin, end, column, c, c_stride, fresh);
      column += 2 * kLanes;
    }
  }
  for (; column < columns; column += kLanes) {
    tile<kRows, 1>(a, page, begin, end, column, c, c_stride, fresh);
  }
}

/// multiply_rows for a number of rows known at run time, 1 ≤ rows ≤ kTileRows.
template <typename Rows, typename Page>
JIELONG_KERNEL void multiply(std::int64_t rows, const Rows& a, const Page& page, std::int64_t begin,
                             std::int64_t end, std::int64_t columns, float* c,
                             std::int64_t c_stride, bool fresh) {
  static_assert(kTileRows <= 8);
  switch (rows) {
#define JIELONG_ROWS(n)                                                   \
  case n:                                                                 \
    if constexpr (n <= kTileRows) {                                       \
      multiply_rows<n>(a, page, begin, end, columns, c, c_stride, fresh); \
    }                                                                     \
    break;
    JIELONG_ROWS(1)
    JIELONG_ROWS(2)
    JIELONG_ROWS(3)
    JIELONG_ROWS(4)
    JIELONG_ROWS(5)
    JIELONG_ROWS(6)
    JIELONG_ROWS(7)
    JIELONG_ROWS(8)
#undef JIELONG_ROWS
    default: break;
  }
}

}  // namespace
