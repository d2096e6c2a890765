// The blocked product of gemm(), after Goto and van de Geijn (2008): a block of a stays in the
// second-level cache while panels of b pass by. Included inside the namespace of an instruction
// set, after gemm_pack.inl.
//
// An engine says how panels of kRows rows and kColumns columns are multiplied (run), and at most
// how many words of k at a time (kDepth). An element is the sum of its blocks of k, each of which
// is summed from zero; nothing of that depends on where in c the element lies.

/// Words, and at most rows, of a that are packed together.
constexpr std::int64_t kBlockWords = 512 * 384, kBlockRows = 1024;

/// Words from row to row of the block of a: an odd number of cache lines, so that rows do not
/// compete for the same sets.
template <typename Engine>
inline constexpr std::int64_t kRowWords = Engine::kDepth + kLanes;

/// The part of a factor that is packed next. It is fetched towards the second-level cache a few
/// lines at a time while the part before it is multiplied: many at once would hold up the rest.
struct Ahead {
  const float* row = nullptr;
  std::int64_t stride = 0, rows = 0, floats = 0;  ///< rows in memory, and floats of each
  std::int64_t share = 0;                         ///< lines at a time
  std::int64_t done = 0;                          ///< floats of this row

  /// @param times how often fetch() will be called
  static JIELONG_KERNEL_MEMBER Ahead of(const Side& side, std::int64_t index, std::int64_t indices,
                                        std::int64_t k, std::int64_t values, std::int64_t times) {
    Ahead ahead;
    if (indices <= 0) return ahead;
    ahead.row = side.at(index, k);
    ahead.stride = side.stride;
    ahead.rows = side.along ? indices : values;
    ahead.floats = side.along ? values : indices;
    ahead.share = ahead.rows * ((ahead.floats + kLanes - 1) / kLanes) / times + 1;
    return ahead;
  }
  JIELONG_KERNEL_MEMBER void fetch() {
    for (std::int64_t i = 0; i < share && rows > 0; ++i) {
      __builtin_prefetch(row + done, 0, 2);
      done += kLanes;
      if (done >= floats) done = 0, row += stride, --rows;
    }
  }
};

/// What an engine multiplies: c (rows, columns) = a · b, or c += a · b.
struct GemmTile {
  const float* a;      ///< (rows, kRowWords)
  const float* b;      ///< (words, columns, rounded up to whole vectors)
  std::int64_t words;  ///< of k; there are zeros up to a multiple of 16
  std::int64_t rows, columns;
  float* c;
  std::int64_t stride;
  bool accumulate;
  bool stream;   ///< past the caches; c lies on lines and `columns` is whole vectors
  Ahead* ahead;  ///< fetched from once for every kStep words
};

/// Fetches the rows of c that a run will change, a few with every step.
struct Sums {
  float* row;
  std::int64_t stride, left, each;

  JIELONG_KERNEL_MEMBER Sums(const GemmTile& t, std::int64_t step)
      : row(t.c),
        stride(t.stride),
        left(t.stream ? 0 : t.rows),
        each(t.rows * step / t.words + 1) {}
  template <int vectors>
  JIELONG_KERNEL_MEMBER void fetch() {
    for (std::int64_t i = 0; i < each && left > 0; ++i, --left, row += stride) {
#pragma GCC unroll 4
      for (int j = 0; j < vectors; ++j) __builtin_prefetch(row + kLanes * j, 1);
    }
  }
};

/// c = or += 16 sums of row `i` of the tile, from column `j` on.
JIELONG_KERNEL void put_sums(const GemmTile& t, std::int64_t i, std::int64_t j, Floats sum) {
  float* const c = t.c + i * t.stride + j;
  const std::int64_t columns = t.columns - j;
  const bool accumulate = t.accumulate;
  if (t.stream) {
    stream(c, sum);
  } else if (columns >= kLanes) {
    store(c, accumulate ? load(c) + sum : sum);
  } else {
    store_first(c, accumulate ? load_first(c, columns) + sum : sum, columns);
  }
}

/// Sums of rows × 16·vectors elements in registers.
template <typename WordsOf, int rows, int vectors>
struct VectorEngine {
  using Words = WordsOf;
  static constexpr std::int64_t kRows = rows, kColumns = kLanes * vectors, kDepth = 384;
  static constexpr std::int64_t kStep = 32;

  template <int r, int v>
  static void multiply(const GemmTile& t) {
    constexpr std::int64_t kStride = kRowWords<VectorEngine>;
    Floats sums[r][v];
#pragma GCC unroll 8
    for (int i = 0; i < r; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < v; ++j) sums[i][j] = zero();
    }
    const float *a = t.a, *b = t.b, *const end = t.a + t.words;
    for (Sums c(t, kStep); a != end;) {
      t.ahead->fetch();
      c.template fetch<v>();
      for (const float* const stop = a + smaller(kStep, end - a); a != stop; ++a) {
        Floats y[v];
#pragma GCC unroll 4
        for (int j = 0; j < v; ++j) y[j] = load(b + kLanes * j);
#pragma GCC unroll 8
        for (int i = 0; i < r; ++i) {
          const Floats x = splat(a[i * kStride]);
#pragma GCC unroll 4
          for (int j = 0; j < v; ++j) sums[i][j] = Words::multiply(x, y[j], sums[i][j]);
        }
        b += kLanes * v;
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < r; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < v; ++j) {
        put_sums(t, i, kLanes * j, sums[i][j]);
      }
    }
  }

  template <int r, int v>
  static void choose(const GemmTile& t) {
    if constexpr (r > 1) {
      if (t.rows < r) return choose<r - 1, v>(t);
    }
    if constexpr (v > 1) {
      if (t.columns <= kLanes * (v - 1)) return choose<r, v - 1>(t);
    }
    multiply<r, v>(t);
  }
  static void run(const GemmTile& tile) { choose<rows, vectors>(tile); }
};

template <typename Engine>
void multiply_blocks(const GemmTask& task) {
  using Words = typename Engine::Words;
  constexpr std::int64_t kStride = kRowWords<Engine>;
  constexpr std::int64_t kUnit = 4 * kLanes;  // a multiple of every engine's rows or nearly so
  const Side a{task.a.data, task.a.stride, !task.a.transposed};
  const Side b{task.b.data, task.b.stride, task.b.transposed};
  auto* const a_block = reinterpret_cast<float*>(matmul_scratch(
      static_cast<std::size_t>(kBlockRows * kStride + Engine::kDepth * Engine::kColumns) *
      sizeof(float)));
  float* const b_panel = a_block + kBlockRows * kStride;
  for (std::int64_t k = 0; k < task.k; k += Engine::kDepth * Words::kValues) {
    const std::int64_t values = smaller(Engine::kDepth * Words::kValues, task.k - k);
    const bool stream = task.stream && !task.accumulate && values == task.k &&
                        task.stride % kLanes == 0 &&
                        reinterpret_cast<std::uintptr_t>(task.c) % (kLanes * sizeof(float)) == 0;
    const std::int64_t words = (values + Words::kValues - 1) / Words::kValues;
    const std::int64_t most = smaller(kBlockRows, kBlockWords / words / kUnit * kUnit);
    for (std::int64_t i = task.rows.begin; i < task.rows.end; i += most) {
      const std::int64_t rows = smaller(most, task.rows.end - i);
      pack<Words>(a, i, rows, k, values, true, a_block, kStride);
      for (std::int64_t j = task.columns.begin; j < task.columns.end; j += Engine::kColumns) {
        const std::int64_t columns = smaller(Engine::kColumns, task.columns.end - j);
        const std::int64_t width = (columns + kLanes - 1) / kLanes * kLanes;
        pack<Words>(b, j, columns, k, values, false, b_panel, width);
        const std::int64_t next = j + columns;
        const std::int64_t runs = (rows + Engine::kRows - 1) / Engine::kRows;
        Ahead ahead = Ahead::of(b, next, smaller(Engine::kColumns, task.columns.end - next), k,
                                values, runs * ((words + Engine::kStep - 1) / Engine::kStep));
        for (std::int64_t row = 0; row < rows; row += Engine::kRows) {
          Engine::run({.a = a_block + row * kStride,
                       .b = b_panel,
                       .words = words,
                       .rows = smaller(Engine::kRows, rows - row),
                       .columns = columns,
                       .c = task.c + (i + row) * task.stride + j,
                       .stride = task.stride,
                       .accumulate = task.accumulate || k > 0,
                       .stream = stream && columns % kLanes == 0,
                       .ahead = &ahead});
        }
      }
    }
  }
  if (task.stream) finish_streams();
}

template <typename Engine>
constexpr GemmKernel kernel_of(void (*multiply)(const GemmTask&) = multiply_blocks<Engine>) {
  return {multiply, Engine::kRows, Engine::kColumns};
}
