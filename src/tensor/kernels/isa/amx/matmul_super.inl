// The AMX engine for the K formats. A weight times its sub-block's scale has at most 13
// bits and a sign: scale·w = 128·high + low, both int8. So a step of 256 values is two
// products of full-depth tiles without any scaling inside, and the sums are the same
// integers as everywhere. 16 rows by two panels. Included by isa/amx/matmul.cpp after
// matmul.inl's other parts.

template <typename F>
struct SuperTileEngine {
  using Format = F;
  static constexpr int kPanels = 2, kRowTile = 16;
  static constexpr std::int64_t kStretch = 1;
  /// Row tiles between storing and scaling products; see SmallTileEngine.
  static constexpr std::int64_t kAhead = 1, kRing = 2;
  /// Q2_K: 3 · 15 fits a byte.
  static constexpr bool kTwoPlanes = offset_of<F>() != 0 || F::kBlock == 32;
  static constexpr int kPairs = 128 / F::kBlock;
  static constexpr int kPlane = 1024, kPlanes = kTwoPlanes ? 2 : 1;
  /// One step taken apart: planes (4, low | high, 16 groups, 64 bytes), d and dmin (16) in
  /// f32, minima as words (pairs of blocks, 16, 2).
  static constexpr int kScales = 4 * kPlanes * kPlane, kMinima = kScales + 128;
  static constexpr std::size_t kApart = kMinima + (F::kHasMins ? 64 * kPairs : 0);
  /// 32-bit words of `prepared` for one step of 16 rows: scales (16), then sums
  /// (pairs of blocks, 16 rows, 2 words).
  static constexpr std::size_t kPrepared = 16 + (F::kHasMins ? 16 * kPairs : 0);

  static std::size_t prepared_bytes(std::int64_t rows, std::int64_t steps) {
    return static_cast<std::size_t>(rows / 16 * steps) * kPrepared * 4;
  }
  static void prepare(const Rows& x, std::int64_t rows, std::int64_t first, std::int64_t steps,
                      std::byte* prepared) {
    for (std::int64_t t = 0; t < rows; ++t) {
      const int r = static_cast<int>(t);
      auto* to = reinterpret_cast<std::int32_t*>(prepared) +
                 static_cast<std::size_t>(t / 16 * steps) * kPrepared + t % 16;
      for (std::int64_t s = 0; s < steps; ++s, to += kPrepared) {
        __builtin_memcpy(to, x.scales(r) + first + s, 4);
        if constexpr (F::kHasMins) {
          const std::int16_t* sums = sums_of<F::kBlock>(x, r, first + s);
          for (int i = 0; i < kPairs; ++i) __builtin_memcpy(to + 16 + 16 * i, sums + 2 * i, 4);
        }
      }
    }
  }

  static void take_apart(const std::uint8_t* w, std::int64_t, std::uint8_t* apart) {
    alignas(64) std::uint8_t values[1024];
    for (int pair = 0; pair < 4; ++pair) {
      pair_apart<F>(w, pair, values);
      std::uint8_t* to = apart + pair * kPlanes * kPlane;
      constexpr int kBlocks = 64 / F::kBlock, kGroups = F::kBlock / 4;
      for (int b = 0; b < kBlocks; ++b) {
        const Words scales = F::scales(w, (kBlocks * pair + b) / 2);
        const __m512i scale = b % 2 == 0 ? even(scales).v : odd(scales).v;
        // Both words of a lane hold the scale.
        const __m512i both = _mm512_mask_mov_epi16(scale, 0xaaaaaaaa, _mm512_slli_epi32(scale, 16));
        for (int g = kGroups * b; g < kGroups * (b + 1); ++g) {
          planes(load_bytes(values + 64 * g), both, to + 64 * g);
        }
      }
    }
    auto* d = reinterpret_cast<float*>(apart + kScales);
    store(d, F::d(w));
    if constexpr (F::kHasMins) {
      store(d + 16, F::dmin(w));
      for (int i = 0; i < kPairs; ++i) {
        _mm512_store_si512(apart + kMinima + 64 * i, F::mins(w, i).v);
      }
    }
  }

  /// One group's values times their scale, as one or two planes of bytes.
  static JIELONG_KERNEL_MEMBER void planes(Bytes q, __m512i scale, std::uint8_t* to) {
    const __m512i x = _mm512_sub_epi8(q.v, _mm512_set1_epi8(static_cast<char>(offset_of<F>())));
    const __m512i even_bytes = _mm512_srai_epi16(_mm512_slli_epi16(x, 8), 8);
    const __m512i odd_bytes = _mm512_srai_epi16(x, 8);
    const __m512i p = _mm512_mullo_epi16(even_bytes, scale);
    const __m512i r = _mm512_mullo_epi16(odd_bytes, scale);
    constexpr __mmask64 kOdd = 0xaaaaaaaaaaaaaaaa;
    const __m512i low = _mm512_mask_mov_epi8(p, kOdd, _mm512_slli_epi16(r, 8));
    if constexpr (kTwoPlanes) {
      _mm512_store_si512(to, _mm512_and_si512(low, _mm512_set1_epi8(127)));
      _mm512_store_si512(to + kPlane, _mm512_mask_mov_epi8(_mm512_srai_epi16(p, 7), kOdd,
                                                           _mm512_slli_epi16(r, 1)));
    } else {
      _mm512_store_si512(to, low);
    }
  }

  /// Tile products of 64 values, `pair` of a step.
  template <int panels, int pair>
  static JIELONG_KERNEL_MEMBER void multiply_pair(const std::int8_t* q, std::size_t stride,
                                                  const std::uint8_t* apart) {
    constexpr int a = pair % 2 == 0 ? 4 : 7;
    const std::uint8_t* w = apart + pair * kPlanes * kPlane;
    tile_load<a>(q + 64 * pair, stride);
    tile_load<5>(w, 64);
    tile_dot<0, a, 5>();
    if constexpr (kTwoPlanes) {
      tile_load<6>(w + kPlane, 64);
      tile_dot<1, a, 6>();
    }
    if constexpr (panels == 2) {
      tile_load<5>(w + kApart, 64);
      tile_dot<2, a, 5>();
      if constexpr (kTwoPlanes) {
        tile_load<6>(w + kApart + kPlane, 64);
        tile_dot<3, a, 6>();
      }
    }
  }

  /// Adds the stored products of 8 rows from `first` of one panel to their sums.
  static JIELONG_KERNEL_MEMBER void scale(const std::int32_t (*p)[256], const std::uint8_t* apart,
                                          const std::int32_t* prepared, int first, float* sums) {
    const float* scales = reinterpret_cast<const float*>(apart + kScales);
    const Floats d = load(scales), dmin = load(scales + 16);
    const auto* rows = reinterpret_cast<const float*>(prepared);
    // In registers before the first store: the compiler must take that to change them.
    Words minima[kPairs];
    if constexpr (F::kHasMins) {
#pragma GCC unroll 8
      for (int j = 0; j < kPairs; ++j) minima[j] = {_mm512_load_si512(apart + kMinima + 64 * j)};
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      const int r = first + i;
      Ints whole = load_ints(p[0] + 16 * r);
      if constexpr (kTwoPlanes) whole = whole + shift_left<7>(load_ints(p[1] + 16 * r));
      Floats sum = to_floats(whole) * d;
      if constexpr (F::kHasMins) {
        Ints total = zero_ints();
#pragma GCC unroll 8
        for (int j = 0; j < kPairs; ++j) {
          total = dot_pairs(total, minima[j],
                            reinterpret_cast<const std::int16_t*>(prepared + 16 + 16 * j + r));
        }
        sum = fnma(to_floats(total), dmin, sum);
      }
      const Floats y = fma(sum, splat(rows[r]), load(sums + 16 * r));
      store(sums + 16 * r, y);
    }
  }

  template <int panels>
  static JIELONG_KERNEL_MEMBER void clear() {
    tile_zero<0>();
    if constexpr (kTwoPlanes) tile_zero<1>();
    if constexpr (panels == 2) tile_zero<2>();
    if constexpr (panels == 2 && kTwoPlanes) tile_zero<3>();
  }
  template <int panels>
  static JIELONG_KERNEL_MEMBER void keep(std::int32_t (*p)[256]) {
    tile_store<0>(p[0]);
    if constexpr (kTwoPlanes) tile_store<1>(p[1]);
    if constexpr (panels == 2) tile_store<2>(p[2]);
    if constexpr (panels == 2 && kTwoPlanes) tile_store<3>(p[3]);
  }

  /// Part 0 … 2·panels − 1 of the tiles stored before: half the rows of one panel.
  template <int part>
  static JIELONG_KERNEL_MEMBER void scale_part(const Stretch& s, std::int64_t tile,
                                               const std::int32_t (*p)[256]) {
    const auto* prepared =
        reinterpret_cast<const std::int32_t*>(s.prepared) +
        static_cast<std::size_t>(tile * s.prepared_steps + s.first - s.prepared_first) * kPrepared;
    constexpr int panel = part / 2;
    scale(p + 2 * panel, s.apart + panel * kApart, prepared, part % 2 * 8,
          s.sums + 256 * tile + panel * s.sum_floats);
  }

  /// Calls the rows' next tile into the first-level cache.
  static JIELONG_KERNEL_MEMBER void fetch(const std::int8_t* q, std::size_t stride, int pair) {
#pragma GCC unroll 16
    for (std::size_t r = 0; r < 16; ++r) __builtin_prefetch(q + r * stride + 64 * pair);
  }

  template <int panels>
  static void run_panels(const Stretch& s) {
    alignas(64) std::int32_t ring[kRing][4][256];
    const std::size_t stride = s.x.stride, tile_stride = 16 * stride;
    const std::int8_t* q = s.x.values(0) + 256 * s.first;
    const std::int64_t tiles = (s.rows + 15) / 16, ahead = tiles < kAhead ? tiles : kAhead;
    for (std::int64_t t = 0; t < ahead; ++t, q += tile_stride) {
      clear<panels>();
      multiply_pair<panels, 0>(q, stride, s.apart);
      multiply_pair<panels, 1>(q, stride, s.apart);
      multiply_pair<panels, 2>(q, stride, s.apart);
      multiply_pair<panels, 3>(q, stride, s.apart);
      keep<panels>(ring[t]);
    }
    std::int64_t t = 0;
    for (; t + ahead < tiles; ++t, q += tile_stride) {
      std::int32_t(*const now)[256] = ring[t % kRing];
      clear<panels>();
      multiply_pair<panels, 0>(q, stride, s.apart);
      fetch(q + tile_stride, stride, 0);
      scale_part<0>(s, t, now);
      multiply_pair<panels, 1>(q, stride, s.apart);
      fetch(q + tile_stride, stride, 1);
      scale_part<1>(s, t, now);
      multiply_pair<panels, 2>(q, stride, s.apart);
      fetch(q + tile_stride, stride, 2);
      if constexpr (panels == 2) scale_part<2>(s, t, now);
      multiply_pair<panels, 3>(q, stride, s.apart);
      fetch(q + tile_stride, stride, 3);
      if constexpr (panels == 2) scale_part<3>(s, t, now);
      keep<panels>(ring[(t + kAhead) % kRing]);
    }
    for (; t < tiles; ++t) {
      scale_part<0>(s, t, ring[t % kRing]);
      scale_part<1>(s, t, ring[t % kRing]);
      if constexpr (panels == 2) scale_part<2>(s, t, ring[t % kRing]);
      if constexpr (panels == 2) scale_part<3>(s, t, ring[t % kRing]);
    }
  }

  static void run(const Stretch& s) {
    if (s.panels == 2) {
      run_panels<2>(s);
    } else {
      run_panels<1>(s);
    }
  }
};
