// Weights in f32, f16 and bf16, rows in f32: R rows by P panels in registers. Part of
// matmul.inl.

struct PlainF32 {
  using Element = float;
  static JIELONG_KERNEL_MEMBER Floats get(const float* p) { return load(p); }
};
struct PlainF16 {
  using Element = std::uint16_t;
  static JIELONG_KERNEL_MEMBER Floats get(const std::uint16_t* p) { return load_f16(p); }
};
struct PlainBF16 {
  using Element = std::uint16_t;
  static JIELONG_KERNEL_MEMBER Floats get(const std::uint16_t* p) { return load_bf16(p); }
};

template <typename Plain, int R, int P>
void plain_tile(const MatmulTask& task, std::int64_t row, std::int64_t panel) {
  using Element = typename Plain::Element;
  const auto* x =
      reinterpret_cast<const float*>(task.rows + static_cast<std::size_t>(row) * task.row_bytes);
  const std::size_t x_stride = task.row_bytes / sizeof(float);
  const auto* w = reinterpret_cast<const Element*>(task.weights + static_cast<std::size_t>(panel) *
                                                                      task.panel_bytes);
  const std::size_t w_stride = task.panel_bytes / sizeof(Element);
  Floats sum[P][R];
  for (int p = 0; p < P; ++p) {
    for (int r = 0; r < R; ++r) sum[p][r] = zero();
  }
  for (std::int64_t k = 0; k < task.in; ++k) {
    Floats v[P];
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p)
      v[p] = Plain::get(w + static_cast<std::size_t>(p) * w_stride + 16 * k);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Floats a =
          splat(x[static_cast<std::size_t>(r) * x_stride + static_cast<std::size_t>(k)]);
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) sum[p][r] = fma(v[p], a, sum[p][r]);
    }
  }
  for (int p = 0; p < P; ++p) {
    float* y = task.y + row * task.stride + 16 * (panel + p);
    for (int r = 0; r < R; ++r) {
      finish(y + r * task.stride, sum[p][r], task.out - 16 * (panel + p), task.accumulate);
    }
  }
}

template <typename Plain, int P>
JIELONG_KERNEL void plain_panels(const MatmulTask& task, std::int64_t panel) {
  const std::int64_t end = task.row_range.end;
  std::int64_t t = task.row_range.begin;
  if constexpr (kFewRows >= 4) {
    for (; t + 8 <= end; t += 8) plain_tile<Plain, 8, P>(task, t, panel);
    for (; t + 4 <= end; t += 4) plain_tile<Plain, 4, P>(task, t, panel);
  }
  for (; t + 2 <= end; t += 2) plain_tile<Plain, 2, P>(task, t, panel);
  for (; t < end; ++t) plain_tile<Plain, 1, P>(task, t, panel);
}

template <typename Plain>
void multiply_plain(const MatmulTask& task) {
  std::int64_t p = task.panel_range.begin;
  for (; p + 2 <= task.panel_range.end; p += 2) plain_panels<Plain, 2>(task, p);
  if (p < task.panel_range.end) plain_panels<Plain, 1>(task, p);
}
