// The engine for many rows on instruction sets without matrix tiles: kTileRows rows by
// kTilePanels panels in registers. Part of matmul.inl; see matmul_many.inl.

/// Values of k taken apart at a time: with all its panels they fit the nearest cache.
constexpr int kTileStretch = kTilePanels == 2 ? 512 : 1024;

/// One step taken apart. 32-value formats: the values (16 groups, 64 bytes), then f32
/// scales (2 blocks, 16), then minima. K formats: the values (64 groups, 64 bytes), then
/// int32 scales (blocks, 16).
template <typename Format>
constexpr std::size_t apart_bytes() {
  if constexpr (Format::kSuper) {
    return 4096 + 64 * (256 / Format::kBlock);
  } else {
    return 1152 + (Format::kHasMins ? 128 : 0);
  }
}

/// Where the taken apart values of panel p lie.
template <typename Format>
constexpr std::size_t panel_apart =
    static_cast<std::size_t>(kTileStretch / Format::kStep) * apart_bytes<Format>();

template <typename Format, int R, int P, int g>
JIELONG_KERNEL void tile_group(const std::uint8_t* w, const std::int8_t* q, std::size_t stride,
                               Ints (&dots)[P][R]) {
  Bytes x[P];
#pragma GCC unroll 2
  for (int p = 0; p < P; ++p) x[p] = load_bytes(w + p * panel_apart<Format> + 64 * g);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    const std::int8_t* four = q + static_cast<std::size_t>(r) * stride + 4 * g;
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) dots[p][r] = dot_of<Format>(dots[p][r], x[p], four);
  }
}

/// Dot products of one block of Format's size.
template <typename Format, int R, int P, int groups>
JIELONG_KERNEL void tile_block(const std::uint8_t* w, const Rows& x, const std::int8_t* q,
                               std::int64_t block, Ints (&dots)[P][R]) {
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) dots[p][r] = start_of<Format::kStart>(x, r, block);
  }
  tile_group<Format, R, P, 0>(w, q, x.stride, dots);
  tile_group<Format, R, P, 1>(w, q, x.stride, dots);
  tile_group<Format, R, P, 2>(w, q, x.stride, dots);
  tile_group<Format, R, P, 3>(w, q, x.stride, dots);
  if constexpr (groups == 8) {
    tile_group<Format, R, P, 4>(w, q, x.stride, dots);
    tile_group<Format, R, P, 5>(w, q, x.stride, dots);
    tile_group<Format, R, P, 6>(w, q, x.stride, dots);
    tile_group<Format, R, P, 7>(w, q, x.stride, dots);
  }
}

/// R rows by P panels of a 32-value format.
template <typename Format, int R, int P>
void tile_small(const Stretch& s, std::int64_t row) {
  const Rows x{s.x.first + static_cast<std::size_t>(row) * s.x.stride, s.x.stride, s.x.layout};
  float* const sums = s.sums + 16 * row;
  Floats y[P][R];
#pragma GCC unroll 2
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      y[p][r] = load(sums + static_cast<std::size_t>(p) * s.sum_floats + 16 * r);
    }
  }
  const std::uint8_t* w = s.apart;
  for (std::int64_t step = s.first; step < s.first + s.steps; ++step, w += apart_bytes<Format>()) {
#pragma GCC unroll 1
    for (int b = 0; b < 2; ++b) {
      const std::int64_t block = 2 * step + b;
      Ints dots[P][R];
      tile_block<Format, R, P, 8>(w + 512 * b, x, x.values(0) + 32 * block, block, dots);
#pragma GCC unroll 2
      for (int p = 0; p < P; ++p) {
        const auto* scales =
            reinterpret_cast<const float*>(w + p * panel_apart<Format> + 1024) + 16 * b;
        const Floats d = load(scales);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          y[p][r] = fma(to_floats(dots[p][r]), d * splat(x.scales(r)[block]), y[p][r]);
        }
        if constexpr (Format::kHasMins) {
          const Floats m = load(scales + 32);
#pragma GCC unroll 16
          for (int r = 0; r < R; ++r) {
            y[p][r] = fma(m, splat(x.scaled_sums(r)[block]), y[p][r]);
          }
        }
      }
    }
  }
#pragma GCC unroll 2
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      store(sums + static_cast<std::size_t>(p) * s.sum_floats + 16 * r, y[p][r]);
    }
  }
}

/// R rows by P panels of a K format.
template <typename Format, int R, int P>
void tile_super(const Stretch& s, std::int64_t row) {
  constexpr int kBlocks = 256 / Format::kBlock;
  const Rows x{s.x.first + static_cast<std::size_t>(row) * s.x.stride, s.x.stride, s.x.layout};
  const std::uint8_t* apart = s.apart;
  for (std::int64_t i = 0; i < s.steps; ++i, apart += apart_bytes<Format>()) {
    const std::int64_t step = s.first + i;
    const std::int8_t* q = x.values(0) + 256 * step;
    Ints sum[P][R];
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) sum[p][r] = zero_ints();
    }
#pragma GCC unroll 1
    for (int b = 0; b < kBlocks; ++b, q += Format::kBlock) {
      Ints dots[P][R];
      tile_block<Format, R, P, Format::kBlock / 4>(apart + 16 * Format::kBlock * b, x, q,
                                                   kBlocks * step + b, dots);
#pragma GCC unroll 2
      for (int p = 0; p < P; ++p) {
        const Ints scale = load_ints(
            reinterpret_cast<const std::int32_t*>(apart + p * panel_apart<Format> + 4096 + 64 * b));
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) sum[p][r] = scaled<Format>(sum[p][r], dots[p][r], scale);
      }
    }
    for (int p = 0; p < P; ++p) {
      const std::uint8_t* w = s.weights[p] + static_cast<std::size_t>(i) * Format::kBytes;
      float* const sums = s.sums + static_cast<std::size_t>(p) * s.sum_floats + 16 * row;
      correct_offset<Format, R>(w, x, step, sum[p]);
      Floats y[R];
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) y[r] = load(sums + 16 * r);
      add_step<Format, R>(w, x, step, sum[p], y);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) store(sums + 16 * r, y[r]);
    }
  }
}

template <typename Format, int R, int P>
JIELONG_KERNEL void tile(const Stretch& s, std::int64_t row) {
  if constexpr (Format::kSuper) {
    tile_super<Format, R, P>(s, row);
  } else {
    tile_small<Format, R, P>(s, row);
  }
}

template <typename Format, int g>
JIELONG_KERNEL void store_group(const std::uint8_t* w, std::uint8_t* apart) {
  Bytes low, high;
  Format::template unpack<g>(w, low, high);
  store_bytes(apart + 64 * g, low);
  store_bytes(apart + 64 * (g + 8), high);
}
template <typename Format, int g>
JIELONG_KERNEL void store_super_group(const std::uint8_t* w, int pair, std::uint8_t* apart) {
  Bytes low, high;
  Format::template unpack<g>(w, pair, low, high);
  store_bytes(apart + 64 * g, low);
  store_bytes(apart + 64 * (g + 8), high);
}
template <typename Format, int v>
JIELONG_KERNEL void store_slices(const std::uint8_t* w, int pair, std::uint8_t* apart) {
  Bytes group[4];
  Format::template unpack_slices<v>(w, pair, group);
  for (int p = 0; p < 4; ++p) store_bytes(apart + 64 * (4 * p + v), group[p]);
}

/// The values of one step of a 32-value format, (16 groups, 64 bytes).
template <typename Format>
JIELONG_KERNEL void values_apart(const std::uint8_t* w, std::uint8_t* apart) {
  store_group<Format, 0>(w, apart);
  store_group<Format, 1>(w, apart);
  store_group<Format, 2>(w, apart);
  store_group<Format, 3>(w, apart);
  store_group<Format, 4>(w, apart);
  store_group<Format, 5>(w, apart);
  store_group<Format, 6>(w, apart);
  store_group<Format, 7>(w, apart);
}
/// Those of one pair of a K format.
template <typename Format>
JIELONG_KERNEL void pair_apart(const std::uint8_t* w, int pair, std::uint8_t* apart) {
  if constexpr (Format::kSlices) {
    store_slices<Format, 0>(w, pair, apart);
    store_slices<Format, 1>(w, pair, apart);
    store_slices<Format, 2>(w, pair, apart);
    store_slices<Format, 3>(w, pair, apart);
  } else {
    store_super_group<Format, 0>(w, pair, apart);
    store_super_group<Format, 1>(w, pair, apart);
    store_super_group<Format, 2>(w, pair, apart);
    store_super_group<Format, 3>(w, pair, apart);
    store_super_group<Format, 4>(w, pair, apart);
    store_super_group<Format, 5>(w, pair, apart);
    store_super_group<Format, 6>(w, pair, apart);
    store_super_group<Format, 7>(w, pair, apart);
  }
}

template <typename F>
struct TileEngine {
  using Format = F;
  static constexpr int kPanels = kTilePanels, kRowTile = kTileRows;

  static constexpr std::size_t kApart = apart_bytes<F>();
  static constexpr std::int64_t kStretch = kTileStretch / F::kStep;

  static std::size_t prepared_bytes(std::int64_t, std::int64_t) { return 0; }
  static void prepare(const Rows&, std::int64_t, std::int64_t, std::int64_t, std::byte*) {}

  static void take_apart(const std::uint8_t* w, std::int64_t steps, std::uint8_t* apart) {
    for (std::int64_t i = 0; i < steps; ++i, w += F::kBytes, apart += kApart) {
      if constexpr (F::kSuper) {
        auto* factors = reinterpret_cast<std::int32_t*>(apart + 4096);
        for (int pair = 0; pair < 4; ++pair) pair_apart<F>(w, pair, apart + 1024 * pair);
        for (int j = 0; j < 128 / F::kBlock; ++j) {
          const Words scales = F::scales(w, j);
          store_ints(factors + 32 * j, factor<F>(even(scales)));
          store_ints(factors + 32 * j + 16, factor<F>(odd(scales)));
        }
      } else {
        values_apart<F>(w, apart);
        auto* scales = reinterpret_cast<float*>(apart + 1024);
        const auto* d = reinterpret_cast<const std::uint16_t*>(w + F::kScales);
        store(scales, load_f16(d));
        store(scales + 16, load_f16(d + 16));
        if constexpr (F::kHasMins) {
          const auto* m = reinterpret_cast<const std::uint16_t*>(w + F::kMins);
          store(scales + 32, load_f16(m));
          store(scales + 48, load_f16(m + 16));
        }
      }
    }
  }

  static void run(const Stretch& s) {
    if (s.panels == kTilePanels) {
      run_panels<kTilePanels>(s);
    } else {
      run_panels<1>(s);
    }
  }

  template <int P>
  static void run_panels(const Stretch& s) {
    std::int64_t row = 0;
    for (; row + kTileRows <= s.rows; row += kTileRows) tile<F, kTileRows, P>(s, row);
    if constexpr (kTileRows > 3) {
      for (; row + 3 <= s.rows; row += 3) tile<F, 3, P>(s, row);
    }
    for (; row < s.rows; ++row) tile<F, 1, P>(s, row);
  }
};
