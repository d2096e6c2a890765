// Many rows: a stretch of a panel is taken apart once into scratch memory that stays in
// the nearest cache, and all rows pass over it. Part of matmul.inl. An engine does the
// inner work:
//
//   Format                  what it multiplies
//   kPanels                 panels computed side by side
//   kStretch                steps taken apart at a time
//   kRowTile                rows computed at a time; rows are padded to it
//   kApart                  bytes of one step of one panel when taken apart
//   prepared_bytes(rows, steps)
//   prepare(x, rows, first_step, steps, prepared)
//                           rearranges what all panels need of the rows' scales
//   take_apart(w, steps, apart)
//   run(stretch)            adds one stretch to the sums of all rows

/// Rows that share one taking apart.
constexpr std::int64_t kRowBlock = 512;
/// Converted rows beyond this do not stay in the second-level cache while panels pass.
constexpr std::int64_t kRowCache = std::int64_t{1} << 20;
/// Panels between two returns to the first k, when the rows are cut along k.
constexpr std::int64_t kPanelBlock = 32;

/// What one call of an engine's run() works on.
struct Stretch {
  Rows x;  ///< the first row of the block
  std::int64_t rows;
  std::int64_t first, steps;  ///< steps of the panel
  const std::byte* prepared;  ///< for the steps from `prepared_first`
  std::int64_t prepared_first, prepared_steps;
  const std::uint8_t* weights[2];  ///< the packed panels at `first`
  const std::uint8_t* apart;       ///< (panels, Engine::kStretch, Engine::kApart)
  std::int64_t panels;             ///< at most Engine::kPanels
  float* sums;                     ///< (panels, padded rows, 16)
  std::size_t sum_floats;          ///< from one panel to the next
};

/// Writes the sums of rows [t, t + rows) by `count` panels from the task's p-th.
JIELONG_KERNEL void finish_rows(const MatmulTask& task, std::int64_t t, std::int64_t rows,
                                std::int64_t p, std::int64_t count, const float* sums,
                                std::size_t sum_floats) {
  constexpr std::int64_t kAhead = 16;
  const std::int64_t panel = task.panel_range.begin + p;
  float* const y = task.y + t * task.stride + 16 * panel;
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t i = 0; i < count; ++i) {
      // Rows of y lie far apart, often in pages of their own.
      if (r + kAhead < rows) __builtin_prefetch(y + (r + kAhead) * task.stride + 16 * i, 1);
      finish(y + r * task.stride + 16 * i,
             load(sums + static_cast<std::size_t>(i) * sum_floats + 16 * r),
             task.out - 16 * (panel + i), task.accumulate);
    }
  }
}

template <typename Engine>
void multiply_many(const MatmulTask& task) {
  using Format = typename Engine::Format;
  const RowLayout layout = layout_of<Format>(task.in);
  const std::int64_t steps = layout.padded / Format::kStep;
  const std::int64_t panels = task.panel_range.size();
  for (std::int64_t t = task.row_range.begin; t < task.row_range.end; t += kRowBlock) {
    const std::int64_t left = task.row_range.end - t;
    const std::int64_t rows = left < kRowBlock ? left : kRowBlock;
    const std::int64_t row_tiles = (rows + Engine::kRowTile - 1) / Engine::kRowTile;
    const std::int64_t padded_rows = row_tiles * Engine::kRowTile;
    const Rows x{task.rows + static_cast<std::size_t>(t) * task.row_bytes, task.row_bytes, layout};
    // Along k, so that the rows' part stays in cache while the panels pass.
    const std::int64_t chunks = (rows * layout.padded + kRowCache - 1) / kRowCache;
    const std::int64_t chunk = (steps + chunks - 1) / chunks;
    const std::int64_t block = chunks == 1 ? Engine::kPanels : kPanelBlock;

    const std::size_t sum_floats = static_cast<std::size_t>(padded_rows) * 16;
    const std::size_t sums_bytes = static_cast<std::size_t>(block) * sum_floats * sizeof(float);
    const std::size_t apart_bytes =
        static_cast<std::size_t>(Engine::kPanels * Engine::kStretch) * Engine::kApart;
    std::byte* const scratch =
        matmul_scratch(sums_bytes + apart_bytes + Engine::prepared_bytes(padded_rows, chunk));
    auto* const sums = reinterpret_cast<float*>(scratch);
    auto* const apart = reinterpret_cast<std::uint8_t*>(scratch + sums_bytes);
    std::byte* const prepared = scratch + sums_bytes + apart_bytes;

    for (std::int64_t first = 0; first < panels; first += chunks == 1 ? panels : block) {
      const std::int64_t last = chunks == 1 || first + block > panels ? panels : first + block;
      for (std::int64_t k = 0; k < steps; k += chunk) {
        const std::int64_t end = k + chunk < steps ? k + chunk : steps;
        Engine::prepare(x, padded_rows, k, end - k, prepared);
        for (std::int64_t p = first; p < last; p += Engine::kPanels) {
          const std::int64_t count = last - p < Engine::kPanels ? last - p : Engine::kPanels;
          float* const sum =
              chunks == 1 ? sums : sums + static_cast<std::size_t>(p - first) * sum_floats;
          if (k == 0)
            __builtin_memset(sum, 0, static_cast<std::size_t>(count) * sum_floats * sizeof(float));
          Stretch stretch{x, rows, 0, 0, prepared, k, end - k, {}, apart, count, sum, sum_floats};
          for (std::int64_t s = k; s < end; s += Engine::kStretch) {
            stretch.first = s;
            stretch.steps = end - s < Engine::kStretch ? end - s : Engine::kStretch;
            for (std::int64_t i = 0; i < count; ++i) {
              const auto panel = static_cast<std::size_t>(task.panel_range.begin + p + i);
              stretch.weights[i] =
                  reinterpret_cast<const std::uint8_t*>(task.weights + panel * task.panel_bytes) +
                  static_cast<std::size_t>(s) * Format::kBytes;
              Engine::take_apart(
                  stretch.weights[i], stretch.steps,
                  apart + static_cast<std::size_t>(i * Engine::kStretch) * Engine::kApart);
            }
            Engine::run(stretch);
          }
          if (end == steps) finish_rows(task, t, rows, p, count, sum, sum_floats);
        }
      }
    }
  }
}
