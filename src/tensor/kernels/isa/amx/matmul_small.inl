// The AMX engine for the 32-value formats: 16 rows by one panel, whose sums stay in
// registers; one tile product a block, stored and scaled while the next are computed.
// Included by isa/amx/matmul.cpp after matmul.inl's other parts.

/// What the values of a 32-value format are apart from their stored bytes.
template <typename Format>
constexpr int offset_of() {
  if constexpr (Format::kSuper) {
    return Format::kCorrection < 0 ? -Format::kCorrection : 0;
  } else {
    constexpr Start s = Format::kStart;
    return s == Start::minus_8 ? 8 : s == Start::minus_16 ? 16 : s == Start::minus_128 ? 128 : 0;
  }
}

template <typename F>
struct SmallTileEngine {
  using Format = F;
  static constexpr int kPanels = 1, kRowTile = 16;
  static constexpr std::size_t kApart = apart_bytes<F>();
  static constexpr std::int64_t kStretch = 24;
  /// Steps between storing and scaling products, so that both units have work.
  static constexpr std::int64_t kAhead = 1, kRing = 2;
  /// Floats of `prepared` for one block of 16 rows: their scales, then scaled sums.
  static constexpr std::size_t kPrepared = F::kHasMins ? 32 : 16;

  /// Blocks come 16 at a time, so up to 15 more than asked for are prepared.
  static std::size_t block_stride(std::int64_t steps) {
    return static_cast<std::size_t>((2 * steps + 15) / 16 * 16) * kPrepared;
  }
  static std::size_t prepared_bytes(std::int64_t rows, std::int64_t steps) {
    return static_cast<std::size_t>(rows / 16) * block_stride(steps) * sizeof(float);
  }
  static void prepare(const Rows& x, std::int64_t rows, std::int64_t first, std::int64_t steps,
                      std::byte* prepared) {
    const std::size_t stride = x.stride / sizeof(float);
    for (std::int64_t t = 0; t < rows; t += 16) {
      const int r = static_cast<int>(t);
      float* to = reinterpret_cast<float*>(prepared) +
                  static_cast<std::size_t>(t / 16) * block_stride(steps);
      // Whole lines of 16 scales: steps of a share start anywhere, so the reads may pass the
      // end of the array, but stay inside the row or its neighbour's spare memory.
      for (std::int64_t b = 0; b < 2 * steps; b += 16, to += 16 * kPrepared) {
        transpose_16(x.scales(r) + 2 * first + b, stride, to, kPrepared);
        if constexpr (F::kHasMins) {
          transpose_16(x.scaled_sums(r) + 2 * first + b, stride, to + 16, kPrepared);
        }
      }
    }
  }

  static void take_apart(const std::uint8_t* w, std::int64_t steps, std::uint8_t* apart) {
    TileEngine<F>::take_apart(w, steps, apart);
    if constexpr (offset_of<F>() != 0) {
      const Bytes back = bytes(-offset_of<F>());
      for (std::int64_t i = 0; i < steps; ++i, apart += kApart) {
        for (int g = 0; g < 16; ++g) {
          store_bytes(apart + 64 * g, add_bytes(load_bytes(apart + 64 * g), back));
        }
      }
    }
  }

  /// Adds one block's products (16 rows, 16 outputs) to the sums.
  static JIELONG_KERNEL_MEMBER void scale(const std::int32_t* p, const std::uint8_t* apart,
                                          int block, const float* rows, Floats (&y)[16]) {
    const float* scales = reinterpret_cast<const float*>(apart + 1024);
    const Floats d = load(scales + 16 * block);
    if constexpr (F::kHasMins) {
      const Floats m = load(scales + 32 + 16 * block);
#pragma GCC unroll 16
      for (int r = 0; r < 16; ++r) {
        y[r] = fma(to_floats(load_ints(p + 16 * r)), d * splat(rows[r]), y[r]);
        y[r] = fma(m, splat(rows[16 + r]), y[r]);
      }
    } else {
#pragma GCC unroll 16
      for (int r = 0; r < 16; ++r) {
        y[r] = fma(to_floats(load_ints(p + 16 * r)), d * splat(rows[r]), y[r]);
      }
    }
  }

  static void run(const Stretch& s) {
    alignas(64) std::int32_t ring[kRing][2][256];
    const std::int64_t ahead = s.steps < kAhead ? s.steps : kAhead;
    for (std::int64_t row = 0; row < s.rows; row += 16) {
      const std::int8_t* q = s.x.values(static_cast<int>(row)) + 64 * s.first;
      const float* prepared =
          reinterpret_cast<const float*>(s.prepared) +
          static_cast<std::size_t>(row / 16) * block_stride(s.prepared_steps) +
          static_cast<std::size_t>(2 * (s.first - s.prepared_first)) * kPrepared;
      const std::uint8_t *next = s.apart, *now = s.apart;
      float* const sums = s.sums + 16 * row;
      Floats y[16];
#pragma GCC unroll 16
      for (int r = 0; r < 16; ++r) y[r] = load(sums + 16 * r);
      for (std::int64_t i = 0; i < ahead; ++i, q += 64, next += kApart) {
        first_product(q, s.x.stride, next);
        second_product(q, s.x.stride, next);
        tile_store<0>(ring[i][0]);
        tile_store<1>(ring[i][1]);
      }
      std::int64_t i = 0;
      for (; i + ahead < s.steps; ++i, q += 64, next += kApart, now += kApart) {
        first_product(q, s.x.stride, next);
        scale(ring[i % kRing][0], now, 0, prepared, y);
        second_product(q, s.x.stride, next);
        tile_store<0>(ring[(i + kAhead) % kRing][0]);
        scale(ring[i % kRing][1], now, 1, prepared + kPrepared, y);
        tile_store<1>(ring[(i + kAhead) % kRing][1]);
        prepared += 2 * kPrepared;
      }
      for (; i < s.steps; ++i, now += kApart, prepared += 2 * kPrepared) {
        scale(ring[i % kRing][0], now, 0, prepared, y);
        scale(ring[i % kRing][1], now, 1, prepared + kPrepared, y);
      }
#pragma GCC unroll 16
      for (int r = 0; r < 16; ++r) store(sums + 16 * r, y[r]);
    }
  }

  static JIELONG_KERNEL_MEMBER void first_product(const std::int8_t* q, std::size_t stride,
                                                  const std::uint8_t* w) {
    tile_zero<0>();
    tile_load<4>(q, stride);
    tile_load<5>(w, 64);
    tile_dot<0, 4, 5>();
  }
  static JIELONG_KERNEL_MEMBER void second_product(const std::int8_t* q, std::size_t stride,
                                                   const std::uint8_t* w) {
    tile_zero<1>();
    tile_load<7>(q + 32, stride);
    tile_load<6>(w + 512, 64);
    tile_dot<1, 7, 6>();
  }
};
