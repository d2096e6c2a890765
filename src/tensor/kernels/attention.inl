// The kernels of attention. Included inside the namespace of an instruction set, after its
// floats.h, math.inl, attention_tile.inl and kv_page.inl.

namespace {

constexpr std::int64_t kPagePositions = KvLayout::kPositions;
constexpr std::int64_t kValueWidth = KvGeometry::kValueWidth;

/// Finite stand-ins for infinite scores, so that the softmax of an overflow is a number.
constexpr float kScoreLimit = 3e38f;

JIELONG_KERNEL std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
JIELONG_KERNEL std::int64_t larger(std::int64_t a, std::int64_t b) { return a > b ? a : b; }
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
/// any of the page's positions and up to the last that they see.
template <typename Page>
void score_page(const AttentionTask& task, const AttentionScratch& scratch, const Page& page,
                Positions positions, std::int64_t column) {
  const std::int64_t rows = task.rows(), dim = task.geometry->key_dim;
  for (std::int64_t row = 0; row < rows; row += kTileRows) {
    const std::int64_t count = smaller(kTileRows, rows - row);
    const std::int64_t begin = seen(task, row / task.group, positions).begin;
    const std::int64_t end = seen(task, (row + count - 1) / task.group, positions).end;
    if (begin >= kPagePositions || end <= 0) continue;
    multiply(count, RowMajor{scratch.queries + row * dim, dim}, page, 0, dim,
             (end + kLanes - 1) / kLanes * kLanes, scratch.scores + row * kAttentionChunk + column,
             kAttentionChunk, true);
  }
}

/// The largest of a row's scores in `range`, after the soft cap. Vectors at the border are
/// filled up with −∞.
JIELONG_KERNEL float cap_row(float* scores, Positions range, float soft_cap) {
  const Floats lowest = splat(-__builtin_inff());
  const Floats cap = splat(soft_cap), inverse = splat(soft_cap > 0 ? 1 / soft_cap : 0);
  Floats top = lowest;
  for (std::int64_t i = range.begin / kLanes * kLanes; i < range.end; i += kLanes) {
    Floats s = load(scores + i);
    if (soft_cap > 0) s = cap * tanh(s * inverse);
    const bool cut = i < range.begin || i + kLanes > range.end;
    if (i + kLanes > range.end) s = select(first(range.end - i), s, lowest);
    if (i < range.begin) s = select(first(range.begin - i), lowest, s);
    if (cut || soft_cap > 0) store(scores + i, s);
    top = max(s, top);
  }
  const float most = largest(top);
  return most < -kScoreLimit ? -kScoreLimit : most > kScoreLimit ? kScoreLimit : most;
}

/// The scores become exp(score − largest); returns their sum.
JIELONG_KERNEL float weigh_row(float* scores, Positions range, float most) {
  const Floats shift = splat(most);
  Floats mass = zero();
  for (std::int64_t i = range.begin / kLanes * kLanes; i < range.end; i += kLanes) {
    const Floats weight = exp_below_one(load(scores + i) - shift);
    store(scores + i, weight);
    mass = mass + weight;
  }
  return sum(mass);
}

void weigh(const AttentionTask& task, const AttentionScratch& scratch, Positions chunk,
           const AttentionState& part) {
  // In two sweeps, so that the reductions of neighbouring rows overlap.
  const auto each_row = [&](const auto& use) {
    for (std::int64_t query = 0; query < task.queries; ++query) {
      const Positions range = seen(task, query, chunk);
      for (std::int64_t row = query * task.group; row < (query + 1) * task.group; ++row) {
        use(row, scratch.scores + row * kAttentionChunk, range);
      }
    }
  };
  each_row([&](std::int64_t row, float* scores, Positions range) {
    part.largest[row] =
        range.begin < range.end ? cap_row(scores, range, task.soft_cap) : -kScoreLimit;
  });
  each_row([&](std::int64_t row, float* scores, Positions range) {
    part.sum[row] = range.begin < range.end ? weigh_row(scores, range, part.largest[row]) : 0;
  });
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
    multiply(count, RowMajor{weights + row * kAttentionChunk, kAttentionChunk}, page, begin, end,
             width, c + row * stride, stride, false);
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

/// Whether several tiles read a page, so that it pays to convert it to f32 first and to leave
/// memory to the processor. The bits are the same either way.
JIELONG_KERNEL bool unpacks(const AttentionTask& task) { return task.rows() > 2 * kTileRows; }

/// `ahead`: a place like `head` that will be read next.
void score(const AttentionTask& task, const AttentionScratch& scratch, const std::byte* head,
           const std::byte* ahead, Positions positions, std::int64_t column) {
  const KvGeometry& g = *task.geometry;
  const auto with = [&](const auto& page) {
    if (!unpacks(task)) return score_page(task, scratch, page, positions, column);
    unpack_page(page, g.key_dim, kPagePositions, scratch.page);
    score_page(task, scratch, ScratchPage{scratch.page, kPagePositions}, positions, column);
  };
  switch (g.type) {
    case KvType::f32: {
      const float* elements = single_elements(head);
      if (unpacks(task)) {
        score_page(task, scratch, ScratchPage{elements, kPagePositions}, positions, column);
      } else {
        score_page(task, scratch, SinglePage{elements, kPagePositions, ahead}, positions, column);
      }
      break;
    }
    case KvType::f16: with(HalfPage{half_elements(head), kPagePositions, ahead}); break;
    case KvType::q8_0:
      unpack_scales(head + g.key_scales, kv_blocks(g.key_dim), scratch.scales);
      with(ByteKeys{byte_elements(head), scratch.scales, ahead});
      break;
  }
}

void collect(const AttentionTask& task, const AttentionScratch& scratch, const std::byte* head,
             const std::byte* ahead, Positions positions, std::int64_t column, float* values) {
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
      add_values(task, weights, ScratchPage{scratch.page, width}, positions, width, c,
                 g.value_stride);
    };
    switch (g.type) {
      case KvType::f32: {
        const float* elements = single_elements(head + g.values) + start;
        if (unpacks(task)) {
          add_values(task, weights, ScratchPage{elements, width}, positions, width, c,
                     g.value_stride);
        } else {
          add_values(task, weights, SinglePage{elements, width, ahead + start * 4}, positions,
                     width, c, g.value_stride);
        }
        break;
      }
      case KvType::f16:
        with(HalfPage{half_elements(head + g.values) + start, width, ahead + start * 2});
        break;
      case KvType::q8_0:
        with(ByteValues{byte_elements(head + g.values) + start,
                        scratch.scales + channel / kKvBlock * kPagePositions, width,
                        ahead + start});
        break;
    }
  }
}

void attend_chunk(const AttentionTask& task, std::int64_t chunk, const AttentionScratch& scratch,
                  const AttentionState& part) {
  const KvGeometry& g = *task.geometry;
  constexpr std::int64_t kPages = kAttentionChunk / kPagePositions;
  const std::int64_t start = chunk * kAttentionChunk;
  const Positions all = {visible(task, 0).begin, visible(task, task.queries - 1).end};
  const Positions needed = both(all, {start, start + kAttentionChunk});
  const std::int64_t first_page = needed.begin / kPagePositions;
  const std::int64_t end_page = (needed.end + kPagePositions - 1) / kPagePositions;
  const std::int64_t last_page = (all.end - 1) / kPagePositions;
  const std::size_t offset = static_cast<std::size_t>(task.kv_head) * g.head_bytes;
  const auto each_page = [&](const auto& use) {
    if (needed.begin >= needed.end) return;
    for (std::int64_t p = first_page; p < end_page; ++p) {
      use(p, task.pages[p] + offset, Positions{p * kPagePositions, (p + 1) * kPagePositions},
          p * kPagePositions - start);
    }
  };
  // Keys and values are read in turns of a chunk: while keys are, the same page's values are
  // fetched, and while values are, the next chunk's keys.
  each_page([&](std::int64_t, const std::byte* head, Positions positions, std::int64_t column) {
    score(task, scratch, head, head + g.values, positions, column);
  });
  weigh(task, scratch, {start, start + kAttentionChunk}, part);
  const std::int64_t floats = task.rows() * g.value_stride;
  for (std::int64_t i = 0; i < floats; i += kLanes) store(part.values + i, zero());
  each_page([&](std::int64_t p, const std::byte* head, Positions positions, std::int64_t column) {
    const std::byte* ahead = p + kPages <= last_page ? task.pages[p + kPages] + offset : head;
    collect(task, scratch, head, ahead, positions, column, part.values);
  });
}

void merge(const AttentionState& part, const AttentionState& whole, std::int64_t begin,
           std::int64_t end, std::int64_t value_stride) {
  for (std::int64_t row = begin; row < end; row += kLanes) {
    const std::int64_t count = smaller(kLanes, end - row);
    const Floats old_top = load_first(whole.largest + row, count);
    const Floats new_top = load_first(part.largest + row, count);
    const Floats top = max(new_top, old_top);
    const Floats keep = exp_below_one(old_top - top), add = exp_below_one(new_top - top);
    const Floats sums = load_first(whole.sum + row, count) * keep;
    store_first(whole.largest + row, top, count);
    store_first(whole.sum + row, fma(load_first(part.sum + row, count), add, sums), count);
    float old_factors[kLanes], new_factors[kLanes];
    store(old_factors, keep);
    store(new_factors, add);
    for (std::int64_t r = 0; r < count; ++r) {
      const Floats old_factor = splat(old_factors[r]), new_factor = splat(new_factors[r]);
      const float* from = part.values + (row + r) * value_stride;
      float* to = whole.values + (row + r) * value_stride;
      for (std::int64_t i = 0; i < value_stride; i += kLanes) {
        store(to + i, fma(load(from + i), new_factor, load(to + i) * old_factor));
      }
    }
  }
}

void finish(const AttentionTask& task, const AttentionState& whole, std::int64_t begin,
            std::int64_t end) {
  const std::int64_t dim = task.geometry->value_dim, stride = task.geometry->value_stride;
  std::int64_t query = begin / task.group, head = begin % task.group;
  for (std::int64_t row = begin; row < end; ++row) {
    const float mass = whole.sum[row];
    const Floats factor = splat(mass == 0 ? 0 : 1 / mass);
    const float* from = whole.values + row * stride;
    float* to = task.out + query * task.out_stride + head * dim;
    // Adding 0 turns −0 into 0: how often a sum that underflowed to −0 met a +0 depends on
    // how rows were tiled.
    std::int64_t i = 0;
    for (; i + kLanes <= dim; i += kLanes) store(to + i, fma(load(from + i), factor, zero()));
    if (i < dim) store_first(to + i, fma(load(from + i), factor, zero()), dim - i);
    if (++head == task.group) ++query, head = 0;
  }
}

}  // namespace

extern const AttentionKernels attention_kernels = {store_position, load_position, gather,
                                                   attend_chunk,   merge,         finish};
