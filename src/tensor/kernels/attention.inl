// The kernels of attention. Included inside the namespace of an instruction set, after its
// floats.h, math.inl, attention_tile.inl and kv_page.inl.

namespace {

constexpr std::int64_t kPagePositions = KvLayout::kPositions;
constexpr std::int64_t kValueWidth = KvGeometry::kValueWidth;

/// Finite stand-ins for infinite scores, so that the softmax of an overflow is a number.
constexpr float kScoreLimit = 3e38f;

JIELONG_KERNEL std::int64_t smaller(std::int64_t a, std::int64_t b) {
  return a < b ? a : b;
}
JIELONG_KERNEL std::int64_t larger(std::int64_t a, std::int64_t b) {
  return a > b ? a : b;
}
JIELONG_KERNEL Positions both(Positions a, Positions b) {
  return {larger(a.begin, b.begin), smaller(a.end, b.end)};
}
/// What query `index` sees of positions `within`, counted from `within.begin`.
JIELONG_KERNEL Positions seen(const AttentionTask& task, std::int64_t index, Positions within) {
  const Positions p = both(visible(task, index), within);
  return {p.begin - within.begin, p.end - within.begin};
}

void gather(const AttentionTask& task, const AttentionScratch& scratch) {
  const std::int64_t dim = task.geometry->key_dim, count = task.group * dim;
  const Floats factor = splat(task.scale);
  for (std::int64_t i = 0; i < task.queries; ++i) {
    // Heads of a group are neighbours in q, so a query's rows are one run of floats.
    const float* from = task.q + i * task.q_stride;
    float* to = scratch.queries + i * count;
    std::int64_t j = 0;
    for (; j + kLanes <= count; j += kLanes) store(to + j, load(from + j) * factor);
    if (j < count) store_first(to + j, load_first(from + j, count - j) * factor, count - j);
  }
}

/// Scores of one page, (rows, kPositions) at scratch.scores + column, for the tiles that see
/// any of the page's positions.
template <typename Page>
void score_page(const AttentionTask& task, const AttentionScratch& scratch, const Page& page,
                Positions positions, std::int64_t column) {
  const std::int64_t rows = task.rows(), dim = task.geometry->key_dim;
  for (std::int64_t row = 0; row < rows; row += kTileRows) {
    const std::int64_t count = smaller(kTileRows, rows - row);
    const std::int64_t first_query = row / task.group, last_query = (row + count - 1) / task.group;
    if (visible(task, first_query).begin >= positions.end ||
        visible(task, last_query).end <= positions.begin) {
      continue;
    }
    multiply(count, scratch.queries + row * dim, dim, page, 0, dim, kPagePositions,
             scratch.scores + row * kAttentionChunk + column, kAttentionChunk, true);
  }
}

/// The scores `range` of one row become exp(score − largest).
JIELONG_KERNEL void weigh_row(float* scores, Positions range, float soft_cap, float& largest_out,
                              float& sum_out) {
  const std::int64_t start = range.begin / kLanes * kLanes;
  const Floats lowest = splat(-__builtin_inff()), limit = splat(kScoreLimit);
  const Floats cap = splat(soft_cap), inverse = splat(soft_cap > 0 ? 1 / soft_cap : 0);
  Floats top = lowest;
  for (std::int64_t i = start; i < range.end; i += kLanes) {
    Floats s = load(scores + i);
    if (soft_cap > 0) s = cap * tanh(s * inverse);
    s = min(limit, s);
    if (i + kLanes > range.end) s = select(first(range.end - i), s, lowest);
    if (i < range.begin) s = select(first(range.begin - i), lowest, s);
    store(scores + i, s);
    top = max(s, top);
  }
  float most = largest(top);
  if (most < -kScoreLimit) most = -kScoreLimit;
  const Floats shift = splat(most);
  Floats mass = zero();
  for (std::int64_t i = start; i < range.end; i += kLanes) {
    const Floats weight = exp(load(scores + i) - shift);
    store(scores + i, weight);
    mass = mass + weight;
  }
  largest_out = most;
  sum_out = sum(mass);
}

void weigh(const AttentionTask& task, const AttentionScratch& scratch, Positions chunk,
           const AttentionState& part) {
  for (std::int64_t query = 0; query < task.queries; ++query) {
    const Positions range = seen(task, query, chunk);
    for (std::int64_t row = query * task.group; row < (query + 1) * task.group; ++row) {
      if (range.begin >= range.end) {
        part.largest[row] = -kScoreLimit;
        part.sum[row] = 0;
        continue;
      }
      weigh_row(scratch.scores + row * kAttentionChunk, range, task.soft_cap, part.largest[row],
                part.sum[row]);
    }
  }
}

/// Adds weights × values of one page and one block of `width` channels to c (rows, stride).
/// A tile multiplies the positions that all its rows see; what only some see is added row by
/// row, before and after, so that no row ever touches a position it may not see.
template <typename Page>
void add_values(const AttentionTask& task, const float* weights, const Page& page,
                Positions positions, std::int64_t width, float* c, std::int64_t stride) {
  const std::int64_t rows = task.rows();
  const auto add = [&](std::int64_t row, std::int64_t count, std::int64_t begin, std::int64_t end) {
    if (begin >= end) return;
    multiply(count, weights + row * kAttentionChunk, kAttentionChunk, page, begin, end, width,
             c + row * stride, stride, false);
  };
  for (std::int64_t row = 0; row < rows; row += kTileRows) {
    const std::int64_t count = smaller(kTileRows, rows - row), stop = row + count;
    const Positions early = seen(task, row / task.group, positions);
    const Positions late = seen(task, (stop - 1) / task.group, positions);
    // Ranges move forward with the query, so the first and the last row bound them all.
    const Positions common = both(early, late);
    if (common.begin >= common.end) {
      for (std::int64_t r = row; r < stop; ++r) {
        const Positions own = seen(task, r / task.group, positions);
        add(r, 1, own.begin, own.end);
      }
      continue;
    }
    if (late.begin > early.begin) {
      for (std::int64_t r = row; r < stop; ++r) {
        add(r, 1, seen(task, r / task.group, positions).begin, common.begin);
      }
    }
    add(row, count, common.begin, common.end);
    if (late.end > early.end) {
      for (std::int64_t r = row; r < stop; ++r) {
        add(r, 1, common.end, seen(task, r / task.group, positions).end);
      }
    }
  }
}

/// Whether to convert a page to f32 first: pays when several tiles read it. The bits are the
/// same either way.
JIELONG_KERNEL bool unpacks(const AttentionTask& task) {
  return task.rows() > 2 * kTileRows;
}

void score(const AttentionTask& task, const AttentionScratch& scratch, const std::byte* head,
           Positions positions, std::int64_t column) {
  const KvGeometry& g = *task.geometry;
  const auto with = [&](const auto& page) {
    if (!unpacks(task)) return score_page(task, scratch, page, positions, column);
    unpack_page(page, g.key_dim, kPagePositions, scratch.page);
    score_page(task, scratch, SinglePage{scratch.page, kPagePositions}, positions, column);
  };
  switch (g.type) {
    case KvType::f32:
      score_page(task, scratch, SinglePage{single_elements(head), kPagePositions}, positions,
                 column);
      break;
    case KvType::f16:
      with(HalfPage{half_elements(head), kPagePositions});
      break;
    case KvType::q8_0:
      unpack_scales(head + g.key_scales, kv_blocks(g.key_dim), scratch.scales);
      with(ByteKeys{byte_elements(head), scratch.scales});
      break;
  }
}

void collect(const AttentionTask& task, const AttentionScratch& scratch, const std::byte* head,
             Positions positions, std::int64_t column, float* values) {
  const KvGeometry& g = *task.geometry;
  const float* weights = scratch.scores + column;
  if (g.type == KvType::q8_0) {
    unpack_scales(head + g.value_scales, kv_blocks(g.value_dim), scratch.scales);
  }
  for (std::int64_t channel = 0; channel < g.value_stride; channel += kValueWidth) {
    const std::int64_t width = smaller(kValueWidth, g.value_stride - channel);
    const std::int64_t start = channel * kPagePositions;
    float* c = values + channel;
    const auto with = [&](const auto& page) {
      if (!unpacks(task)) {
        return add_values(task, weights, page, positions, width, c, g.value_stride);
      }
      unpack_page(page, kPagePositions, width, scratch.page);
      add_values(task, weights, SinglePage{scratch.page, width}, positions, width, c,
                 g.value_stride);
    };
    switch (g.type) {
      case KvType::f32:
        add_values(task, weights, SinglePage{single_elements(head + g.values) + start, width},
                   positions, width, c, g.value_stride);
        break;
      case KvType::f16:
        with(HalfPage{half_elements(head + g.values) + start, width});
        break;
      case KvType::q8_0:
        with(ByteValues{byte_elements(head + g.values) + start,
                        scratch.scales + channel / kKvBlock * kPagePositions, width});
        break;
    }
  }
}

void attend_chunk(const AttentionTask& task, std::int64_t chunk, const AttentionScratch& scratch,
                  const AttentionState& part) {
  const KvGeometry& g = *task.geometry;
  const std::int64_t start = chunk * kAttentionChunk;
  const Positions all = {visible(task, 0).begin, visible(task, task.queries - 1).end};
  const Positions needed = both(all, {start, start + kAttentionChunk});
  const std::int64_t first_page = needed.begin / kPagePositions;
  const std::int64_t end_page = (needed.end + kPagePositions - 1) / kPagePositions;
  const auto each_page = [&](const auto& use) {
    if (needed.begin >= needed.end) return;
    for (std::int64_t p = first_page; p < end_page; ++p) {
      const std::int64_t begin = p * kPagePositions;
      use(task.pages[p] + static_cast<std::size_t>(task.kv_head) * g.head_bytes,
          Positions{begin, begin + kPagePositions}, begin - start);
    }
  };
  each_page([&](const std::byte* head, Positions positions, std::int64_t column) {
    score(task, scratch, head, positions, column);
  });
  weigh(task, scratch, {start, start + kAttentionChunk}, part);
  const std::int64_t floats = task.rows() * g.value_stride;
  for (std::int64_t i = 0; i < floats; i += kLanes) store(part.values + i, zero());
  each_page([&](const std::byte* head, Positions positions, std::int64_t column) {
    collect(task, scratch, head, positions, column, part.values);
  });
}

void clear(const AttentionState& state, std::int64_t rows, std::int64_t value_stride) {
  for (std::int64_t i = 0; i < rows; ++i) {
    state.largest[i] = -kScoreLimit;
    state.sum[i] = 0;
  }
  for (std::int64_t i = 0; i < rows * value_stride; i += kLanes) store(state.values + i, zero());
}

void merge(const AttentionState& part, const AttentionState& whole, std::int64_t begin,
           std::int64_t end, std::int64_t value_stride) {
  for (std::int64_t row = begin; row < end; ++row) {
    if (part.sum[row] == 0) continue;  // saw nothing
    const bool grows = part.largest[row] > whole.largest[row];
    const float top = grows ? part.largest[row] : whole.largest[row];
    const Floats old_factor = exp(splat(whole.largest[row] - top));
    const Floats new_factor = exp(splat(part.largest[row] - top));
    float lanes[kLanes];
    store(lanes, fma(splat(part.sum[row]), new_factor, splat(whole.sum[row]) * old_factor));
    whole.largest[row] = top;
    whole.sum[row] = lanes[0];
    const float* from = part.values + row * value_stride;
    float* to = whole.values + row * value_stride;
    for (std::int64_t i = 0; i < value_stride; i += kLanes) {
      store(to + i, fma(load(from + i), new_factor, load(to + i) * old_factor));
    }
  }
}

void finish(const AttentionTask& task, const AttentionState& whole, std::int64_t begin,
            std::int64_t end) {
  const KvGeometry& g = *task.geometry;
  for (std::int64_t row = begin; row < end; ++row) {
    const std::int64_t query = row / task.group, head = row % task.group;
    const float mass = whole.sum[row];
    const Floats factor = splat(mass == 0 ? 0 : 1 / mass);
    const float* from = whole.values + row * g.value_stride;
    float* to = task.out + query * task.out_stride + head * g.value_dim;
    // Adding 0 turns −0 into 0: how often a sum that underflowed to −0 met a +0 depends on
    // how rows were tiled.
    for (std::int64_t i = 0; i < g.value_dim; i += kLanes) {
      store_first(to + i, fma(load(from + i), factor, zero()), smaller(kLanes, g.value_dim - i));
    }
  }
}

}  // namespace

extern const AttentionKernels attention_kernels = {
    store_position, load_position, gather, attend_chunk, clear, merge, finish};
