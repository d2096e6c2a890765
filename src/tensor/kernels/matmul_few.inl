// Few rows: the weights stream past once and are taken apart in registers. Part of
// matmul.inl. R rows are computed side by side.

template <typename Format>
JIELONG_KERNEL Ints dot_of(Ints s, Bytes w, const std::int8_t* four) {
  return Format::kFull ? dot_full(s, w, four) : dot(s, w, four);
}

template <typename Format, int R, int g>
JIELONG_KERNEL void few32_group(const std::uint8_t* w, const Rows& x, std::int64_t k,
                                Ints (&low)[R], Ints (&high)[R]) {
  Bytes a, b;
  Format::template unpack<g>(w, a, b);
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    low[r] = dot_of<Format>(low[r], a, x.values(r) + k + 4 * g);
    high[r] = dot_of<Format>(high[r], b, x.values(r) + k + 32 + 4 * g);
  }
}

/// One step of 64 values of a 32-value format.
template <typename Format, int R>
JIELONG_KERNEL void few_step32(const std::uint8_t* w, const Rows& x, std::int64_t step,
                               Floats (&y)[R]) {
  Ints low[R], high[R];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    low[r] = start_of<Format::kStart>(x, r, 2 * step);
    high[r] = start_of<Format::kStart>(x, r, 2 * step + 1);
  }
  few32_group<Format, R, 0>(w, x, 64 * step, low, high);
  few32_group<Format, R, 1>(w, x, 64 * step, low, high);
  few32_group<Format, R, 2>(w, x, 64 * step, low, high);
  few32_group<Format, R, 3>(w, x, 64 * step, low, high);
  few32_group<Format, R, 4>(w, x, 64 * step, low, high);
  few32_group<Format, R, 5>(w, x, 64 * step, low, high);
  few32_group<Format, R, 6>(w, x, 64 * step, low, high);
  few32_group<Format, R, 7>(w, x, 64 * step, low, high);
  const auto* scales = reinterpret_cast<const std::uint16_t*>(w + Format::kScales);
  const Floats d[2] = {load_f16(scales), load_f16(scales + 16)};
  if constexpr (Format::kHasMins) {
    const auto* mins = reinterpret_cast<const std::uint16_t*>(w + Format::kMins);
    const Floats m[2] = {load_f16(mins), load_f16(mins + 16)};
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const float* dx = x.scales(r) + 2 * step;
      const float* sx = x.scaled_sums(r) + 2 * step;
      y[r] = fma(to_floats(low[r]), d[0] * splat(dx[0]), y[r]);
      y[r] = fma(m[0], splat(sx[0]), y[r]);
      y[r] = fma(to_floats(high[r]), d[1] * splat(dx[1]), y[r]);
      y[r] = fma(m[1], splat(sx[1]), y[r]);
    }
  } else {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const float* dx = x.scales(r) + 2 * step;
      y[r] = fma(to_floats(low[r]), d[0] * splat(dx[0]), y[r]);
      y[r] = fma(to_floats(high[r]), d[1] * splat(dx[1]), y[r]);
    }
  }
}

/// A sub-block's scale as scaled() wants it.
template <typename Format>
JIELONG_KERNEL Ints factor(Ints scale) {
  return Format::kSmall ? small_factor(scale) : scale;
}
template <typename Format>
JIELONG_KERNEL Ints scaled(Ints s, Ints dot, Ints factor) {
  return Format::kSmall ? mul_add_small(s, dot, factor) : mul_add(s, dot, factor);
}

template <typename Format, int R, int g>
JIELONG_KERNEL void few256_group(const std::uint8_t* w, int pair, const Rows& x, std::int64_t k,
                                 Ints (&low)[R], Ints (&high)[R]) {
  Bytes a, b;
  Format::template unpack<g>(w, pair, a, b);
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    low[r] = dot_of<Format>(low[r], a, x.values(r) + k + 4 * g);
    high[r] = dot_of<Format>(high[r], b, x.values(r) + k + 32 + 4 * g);
  }
}

/// Groups [4·half, 4·half + 4) of a pair, low and high.
template <typename Format, int R, int half>
JIELONG_KERNEL void few256_half(const std::uint8_t* w, int pair, const Rows& x, std::int64_t k,
                                Ints (&low)[R], Ints (&high)[R]) {
  few256_group<Format, R, 4 * half>(w, pair, x, k, low, high);
  few256_group<Format, R, 4 * half + 1>(w, pair, x, k, low, high);
  few256_group<Format, R, 4 * half + 2>(w, pair, x, k, low, high);
  few256_group<Format, R, 4 * half + 3>(w, pair, x, k, low, high);
}

/// Adds scale·dot of the 64 values of a pair that starts at k, for nibble formats.
template <typename Format, int R>
JIELONG_KERNEL void few256_nibbles(const std::uint8_t* w, int pair, const Rows& x, std::int64_t k,
                                   Ints (&sum)[R]) {
  Ints low[R], high[R];
  if constexpr (Format::kBlock == 32) {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      low[r] = start_of<Format::kStart>(x, r, k / 32);
      high[r] = start_of<Format::kStart>(x, r, k / 32 + 1);
    }
    few256_half<Format, R, 0>(w, pair, x, k, low, high);
    few256_half<Format, R, 1>(w, pair, x, k, low, high);
    const Words scales = Format::scales(w, pair);
    const Ints first = factor<Format>(even(scales)), second = factor<Format>(odd(scales));
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      sum[r] = scaled<Format>(sum[r], low[r], first);
      sum[r] = scaled<Format>(sum[r], high[r], second);
    }
  } else {
    const Words first = Format::scales(w, 2 * pair), second = Format::scales(w, 2 * pair + 1);
    for (int r = 0; r < R; ++r) low[r] = high[r] = zero_ints();
    few256_half<Format, R, 0>(w, pair, x, k, low, high);
    {
      const Ints a = factor<Format>(even(first)), b = factor<Format>(even(second));
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        sum[r] = scaled<Format>(sum[r], low[r], a);
        sum[r] = scaled<Format>(sum[r], high[r], b);
        low[r] = high[r] = zero_ints();
      }
    }
    few256_half<Format, R, 1>(w, pair, x, k, low, high);
    const Ints a = factor<Format>(odd(first)), b = factor<Format>(odd(second));
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      sum[r] = scaled<Format>(sum[r], low[r], a);
      sum[r] = scaled<Format>(sum[r], high[r], b);
    }
  }
}

template <typename Format, int R, int v>
JIELONG_KERNEL void few256_slice(const std::uint8_t* w, int pair, const Rows& x, std::int64_t k,
                                 Ints (&dots)[4][R]) {
  Bytes group[4];
  Format::template unpack_slices<v>(w, pair, group);
#pragma GCC unroll 4
  for (int p = 0; p < 4; ++p) {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      dots[p][r] = dot(dots[p][r], group[p], x.values(r) + k + 16 * p + 4 * v);
    }
  }
}

/// The same for two-bit formats.
template <typename Format, int R>
JIELONG_KERNEL void few256_slices(const std::uint8_t* w, int pair, const Rows& x, std::int64_t k,
                                  Ints (&sum)[R]) {
  Ints dots[4][R];
#pragma GCC unroll 4
  for (int p = 0; p < 4; ++p) {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) dots[p][r] = zero_ints();
  }
  few256_slice<Format, R, 0>(w, pair, x, k, dots);
  few256_slice<Format, R, 1>(w, pair, x, k, dots);
  few256_slice<Format, R, 2>(w, pair, x, k, dots);
  few256_slice<Format, R, 3>(w, pair, x, k, dots);
  const Words first = Format::scales(w, 2 * pair), second = Format::scales(w, 2 * pair + 1);
  const Ints s[4] = {factor<Format>(even(first)), factor<Format>(odd(first)),
                     factor<Format>(even(second)), factor<Format>(odd(second))};
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < 4; ++p) sum[r] = scaled<Format>(sum[r], dots[p][r], s[p]);
  }
}

template <typename Format, int R>
JIELONG_KERNEL void few256_pair(const std::uint8_t* w, int pair, const Rows& x, std::int64_t k,
                                Ints (&sum)[R]) {
  if constexpr (Format::kSlices) {
    few256_slices<Format, R>(w, pair, x, k + 64 * pair, sum);
  } else {
    few256_nibbles<Format, R>(w, pair, x, k + 64 * pair, sum);
  }
}

template <int block>
JIELONG_KERNEL const std::int16_t* sums_of(const Rows& x, int r, std::int64_t step) {
  return block == 32 ? x.sums32(r) + 8 * step : x.sums16(r) + 16 * step;
}

/// Adds kCorrection · Σ scale·Σx to the sums of one step of a K format.
template <typename Format, int R>
JIELONG_KERNEL void correct_offset(const std::uint8_t* w, const Rows& x, std::int64_t step,
                                   Ints (&sum)[R]) {
  if constexpr (Format::kCorrection != 0) {
    constexpr int c = Format::kCorrection < 0 ? -Format::kCorrection : Format::kCorrection;
    constexpr int bits = c == 4 ? 2 : c == 8 ? 3 : c == 32 ? 5 : 7;
    static_assert(1 << bits == c);
    Ints total[R];
    for (int r = 0; r < R; ++r) total[r] = zero_ints();
#pragma GCC unroll 8
    for (int i = 0; i < 128 / Format::kBlock; ++i) {
      const Words scales = Format::scales(w, i);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        total[r] = dot_pairs(total[r], scales, sums_of<Format::kBlock>(x, r, step) + 2 * i);
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Ints offset = shift_left<bits>(total[r]);
      sum[r] = Format::kCorrection < 0 ? sum[r] - offset : sum[r] + offset;
    }
  }
}

/// Adds one step of a K format to the outputs: P = Σ scale·p is given, M = Σ min·Σx is
/// computed here.
template <typename Format, int R>
JIELONG_KERNEL void add_step(const std::uint8_t* w, const Rows& x, std::int64_t step,
                             const Ints (&sum)[R], Floats (&y)[R]) {
  const Floats d = Format::d(w);
  Floats scaled[R];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) scaled[r] = to_floats(sum[r]) * d;
  if constexpr (Format::kHasMins) {
    Ints total[R];
    for (int r = 0; r < R; ++r) total[r] = zero_ints();
#pragma GCC unroll 8
    for (int i = 0; i < 128 / Format::kBlock; ++i) {
      const Words mins = Format::mins(w, i);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        total[r] = dot_pairs(total[r], mins, sums_of<Format::kBlock>(x, r, step) + 2 * i);
      }
    }
    const Floats dmin = Format::dmin(w);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) scaled[r] = fnma(to_floats(total[r]), dmin, scaled[r]);
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) y[r] = fma(scaled[r], splat(x.scales(r)[step]), y[r]);
}

/// One step of 256 values of a K format.
template <typename Format, int R>
JIELONG_KERNEL void few_step256(const std::uint8_t* w, const Rows& x, std::int64_t step,
                                Floats (&y)[R]) {
  Ints sum[R];
  for (int r = 0; r < R; ++r) sum[r] = zero_ints();
#pragma GCC unroll 1
  for (int pair = 0; pair < 4; ++pair) few256_pair<Format, R>(w, pair, x, 256 * step, sum);
  correct_offset<Format, R>(w, x, step, sum);
  add_step<Format, R>(w, x, step, sum, y);
}

/// R rows by one panel.
template <typename Format, int R>
void few_panel(const std::byte* panel, const Rows& x, float* y, std::int64_t stride,
               std::int64_t outputs, bool accumulate) {
  const auto* w = reinterpret_cast<const std::uint8_t*>(panel);
  const std::int64_t steps = x.layout.padded / Format::kStep;
  Floats sum[R];
  for (int r = 0; r < R; ++r) sum[r] = zero();
  for (std::int64_t step = 0; step < steps; ++step, w += Format::kBytes) {
    // The processor's own prefetching starts anew in every panel. Of the distances from 1 to
    // 6 KiB, this is best for Q8_0 and costs the other formats little.
#pragma GCC unroll 64
    for (int line = 0; line < Format::kBytes; line += 64) __builtin_prefetch(w + line + 2048);
    if constexpr (Format::kSuper) {
      few_step256<Format, R>(w, x, step, sum);
    } else {
      few_step32<Format, R>(w, x, step, sum);
    }
  }
  for (int r = 0; r < R; ++r) finish(y + r * stride, sum[r], outputs, accumulate);
}

/// The first min(left, kFewRows) rows, or fewer, by one panel. Returns how many.
template <typename Format>
int few_rows(const std::byte* panel, const Rows& x, float* y, std::int64_t stride,
             std::int64_t left, std::int64_t outputs, bool accumulate) {
  if constexpr (kFewRows >= 4) {
    if (left >= 4) {
      few_panel<Format, 4>(panel, x, y, stride, outputs, accumulate);
      return 4;
    }
  }
  if constexpr (kFewRows >= 2) {
    if (left >= 2) {
      few_panel<Format, 2>(panel, x, y, stride, outputs, accumulate);
      return 2;
    }
  }
  few_panel<Format, 1>(panel, x, y, stride, outputs, accumulate);
  return 1;
}

template <typename Format>
JIELONG_KERNEL RowLayout layout_of(std::int64_t in) {
  return Format::kSuper ? layout_block256(in) : layout_block32(in);
}

/// All rows of the task, kFewRows at a time.
template <typename Format>
void multiply_few(const MatmulTask& task) {
  const RowLayout layout = layout_of<Format>(task.in);
  for (std::int64_t p = task.panel_range.begin; p < task.panel_range.end; ++p) {
    const std::byte* panel = task.weights + static_cast<std::size_t>(p) * task.panel_bytes;
    const std::int64_t outputs = task.out - 16 * p;
    for (std::int64_t t = task.row_range.begin; t < task.row_range.end;) {
      const Rows x{task.rows + static_cast<std::size_t>(t) * task.row_bytes, task.row_bytes,
                   layout};
      float* y = task.y + t * task.stride + 16 * p;
      const std::int64_t left = task.row_range.end - t;
      t += few_rows<Format>(panel, x, y, task.stride, left, outputs, task.accumulate);
    }
  }
}
