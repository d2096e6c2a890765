// The engine of gemm() for the tile unit: 32 rows by 32 columns as 2 × 2 tiles of sums.
// Included by isa/amx/gemm.cpp after gemm.inl.

struct TileEngine {
  using Words = avx512bf16::PairWords;
  static constexpr std::int64_t kRows = 32, kColumns = 32, kDepth = 384;
  static constexpr std::int64_t kStep = 16;

  /// Products of one or two tiles of rows and of columns; `b` has 16 · columns words a row.
  template <int rows, int columns>
  static void multiply(const GemmTile& t) {
    constexpr std::size_t kA = kRowWords<TileEngine> * 4, kB = 64 * columns;
    const auto *a = reinterpret_cast<const std::byte*>(t.a),
               *b = reinterpret_cast<const std::byte*>(t.b);
    Sums c(t, kStep);
    tile_zero<0>();
    if constexpr (columns > 1) tile_zero<1>();
    if constexpr (rows > 1) tile_zero<2>();
    if constexpr (rows > 1 && columns > 1) tile_zero<3>();
    for (std::int64_t w = 0; w < t.words; w += kStep, a += 64, b += 16 * kB) {
      t.ahead->fetch();
      c.fetch<columns>();
      tile_load<4>(a, kA);
      tile_load<5>(b, kB);
      tile_dot_bf16<0, 4, 5>();
      if constexpr (columns > 1) {
        tile_load<6>(b + 64, kB);
        tile_dot_bf16<1, 4, 6>();
      }
      if constexpr (rows > 1) {
        tile_load<7>(a + 16 * kA, kA);
        tile_dot_bf16<2, 7, 5>();
        if constexpr (columns > 1) tile_dot_bf16<3, 7, 6>();
      }
    }
    alignas(64) float sums[rows * 16][columns * 16];
    tile_store<0>(&sums[0][0], kB);
    if constexpr (columns > 1) tile_store<1>(&sums[0][16], kB);
    if constexpr (rows > 1) tile_store<2>(&sums[16][0], kB);
    if constexpr (rows > 1 && columns > 1) tile_store<3>(&sums[16][16], kB);
    for (std::int64_t i = 0; i < t.rows; ++i) {
      for (int j = 0; j < columns; ++j) {
        put_sums(t, i, kLanes * j, load(&sums[i][kLanes * j]));
      }
    }
  }

  static void run(const GemmTile& t) {
    if (t.rows > 16) {
      t.columns > 16 ? multiply<2, 2>(t) : multiply<2, 1>(t);
    } else {
      t.columns > 16 ? multiply<1, 2>(t) : multiply<1, 1>(t);
    }
  }
};

void multiply_tiles(const GemmTask& task) {
  const TileScope scope(64);
  multiply_blocks<TileEngine>(task);
}
