// The kernels of attention over whole sequences: softmax over blocks of keys with a running
// maximum, and a backward pass that computes the scores of a block again from the log of their sum
// (FlashAttention; Dao et al., 2022 and 2023). Included inside the namespace of an instruction set,
// after its floats.h, transpose.h, math.inl, rows.inl, attention_tile.inl, kv_page.inl and
// attention.inl.

namespace {

/// Rows of block `block`.
JIELONG_KERNEL Positions block_rows(const SequenceHead& head, std::int64_t block) {
  const std::int64_t begin = block * kSequenceBlock;
  return {begin, smaller(begin + kSequenceBlock, head.length)};
}

/// What query `row` sees of the keys of a block, counted from the block's first.
JIELONG_KERNEL Positions seen(const SequenceHead& head, std::int64_t row, Positions keys) {
  Positions all = {0, head.length};
  if (head.causal) {
    all.end = row + 1;
    if (head.window > 0) all.begin = larger(0, all.end - head.window);
  }
  all = both(all, keys);
  return {all.begin - keys.begin, all.end - keys.begin};
}

/// What `count` queries from `row` on see together.
JIELONG_KERNEL Positions seen_together(const SequenceHead& head, std::int64_t row,
                                       std::int64_t count, Positions keys) {
  return {seen(head, row, keys).begin, seen(head, row + count - 1, keys).end};
}

/// Which queries of a block, counted from its first, see any of `count` keys from `key` on.
JIELONG_KERNEL Positions seeing(const SequenceHead& head, std::int64_t key, std::int64_t count,
                                Positions queries) {
  Positions all = {0, head.length};
  if (head.causal) {
    all.begin = key;
    if (head.window > 0) all.end = smaller(all.end, key + count - 1 + head.window);
  }
  all = both(all, queries);
  return {all.begin - queries.begin, all.end - queries.begin};
}

/// to (count, to_stride) = factor · from (count, dim); channels beyond dim become 0.
JIELONG_KERNEL void copy_block(const float* from, std::int64_t stride, std::int64_t count,
                               std::int64_t dim, float factor, float* to, std::int64_t to_stride) {
  const Floats scale = splat(factor);
  for (std::int64_t i = 0; i < count; ++i) {
    each(dim,
         [&](auto at) { store(to + i * to_stride + at.i, at.get(from + i * stride) * scale); });
  }
}

/// to (dim rounded up to 16, kSequenceBlock) = transpose of from (count, dim), 0 beyond both.
void transpose_block(const float* from, std::int64_t stride, std::int64_t count, std::int64_t dim,
                     float* to) {
  for (std::int64_t row = 0; row < kSequenceBlock; row += kLanes) {
    for (std::int64_t column = 0; column < dim; column += kLanes) {
      const float* corner = from + row * stride + column;
      float* const out = to + column * kSequenceBlock + row;
      if (row + kLanes <= count && column + kLanes <= dim) {
        transpose_16(corner, static_cast<std::size_t>(stride), out, kSequenceBlock);
        continue;
      }
      alignas(64) float corner_tile[kLanes * kLanes];
      for (std::int64_t i = 0; i < kLanes; ++i) {
        const bool present = row + i < count;
        store(corner_tile + i * kLanes,
              present ? load_first(corner + i * stride, smaller(kLanes, dim - column)) : zero());
      }
      transpose_16(corner_tile, kLanes, out, kSequenceBlock);
    }
  }
}

JIELONG_KERNEL void clear(float* p, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i += kLanes) store(p + i, zero());
}

/// c (queries, b) = a (queries, inner) · keys_t (inner, b), where a tile's queries see any.
void multiply_keys(const SequenceHead& head, Positions queries, Positions keys, const float* a,
                   std::int64_t a_stride, std::int64_t inner, const float* keys_t, float* c) {
  const std::int64_t rows = queries.end - queries.begin;
  for (std::int64_t row = 0; row < rows; row += kTileRows) {
    const std::int64_t count = smaller(kTileRows, rows - row);
    const Positions any = seen_together(head, queries.begin + row, count, keys);
    const std::int64_t begin = any.begin / kLanes * kLanes;
    const std::int64_t end = (any.end + kLanes - 1) / kLanes * kLanes;
    if (any.begin >= any.end) continue;
    multiply(count, RowMajor{a + row * a_stride, a_stride},
             ScratchPage{keys_t + begin, kSequenceBlock}, 0, inner, end - begin,
             c + row * kSequenceBlock + begin, kSequenceBlock, true);
  }
}

/// c (queries, columns) += weights (queries, b) · b (keys, columns).
void add_keys(const SequenceHead& head, Positions queries, Positions keys, const float* weights,
              const float* b, std::int64_t columns, float* c) {
  const std::int64_t rows = queries.end - queries.begin;
  for (std::int64_t row = 0; row < rows; row += kTileRows) {
    const std::int64_t count = smaller(kTileRows, rows - row);
    const Positions any = seen_together(head, queries.begin + row, count, keys);
    if (any.begin >= any.end) continue;
    multiply(count, RowMajor{weights + row * kSequenceBlock, kSequenceBlock},
             ScratchPage{b, columns}, any.begin, any.end, columns, c + row * columns, columns,
             false);
  }
}

/// c (keys, columns) += weightsᵀ (b, queries) · b (queries, columns).
void add_queries_of_keys(const SequenceHead& head, Positions queries, Positions keys,
                         const float* weights, const float* b, std::int64_t columns, float* c) {
  const std::int64_t rows = keys.end - keys.begin;
  for (std::int64_t row = 0; row < rows; row += kTileRows) {
    const std::int64_t count = smaller(kTileRows, rows - row);
    const Positions any = seeing(head, keys.begin + row, count, queries);
    if (any.begin >= any.end) continue;
    multiply(count, ColumnMajor{weights + row, kSequenceBlock}, ScratchPage{b, columns}, any.begin,
             any.end, columns, c + row * columns, columns, false);
  }
}

/// Sets what lies outside the vectors of `range` to 0, in a row of scores.
JIELONG_KERNEL void clear_outside(float* scores, Positions range) {
  for (std::int64_t i = 0; i < kSequenceBlock; i += kLanes) {
    if (i + kLanes <= range.begin || i >= range.end) store(scores + i, zero());
  }
}

/// What is known of the queries of a block, from the keys so far.
struct RunningSoftmax {
  float *largest, *sum;  ///< (b) the largest score, and Σ exp(score − largest)
  float *tops, *shrink;  ///< (b) of the block at hand, and what earlier weights are multiplied by
};

/// The scores become weights; what was summed before shrinks to the new largest score.
void weigh_block(const SequenceHead& head, Positions queries, Positions keys,
                 const RunningSoftmax& state, const SequenceScratch& scratch, bool first) {
  const std::int64_t rows = queries.end - queries.begin;
  const auto range_of = [&](std::int64_t row) { return seen(head, queries.begin + row, keys); };
  // In two sweeps, so that the reductions of neighbouring rows overlap.
  for (std::int64_t row = 0; row < rows; ++row) {
    const Positions range = range_of(row);
    state.tops[row] = range.begin < range.end
                          ? cap_row(scratch.scores + row * kSequenceBlock, range, head.soft_cap)
                          : -kScoreLimit;
  }
  for (std::int64_t i = 0; i < kSequenceBlock; i += kLanes) {
    const Floats before = load(state.largest + i), now = max(load(state.tops + i), before);
    store(state.shrink + i, exp_below_one(before - now));
    store(state.largest + i, now);
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    float* scores = scratch.scores + row * kSequenceBlock;
    const Positions range = range_of(row);
    const float shrink = state.shrink[row];
    float mass = 0;
    if (range.begin < range.end) mass = weigh_row(scores, range, state.largest[row]);
    clear_outside(scores, range);
    state.sum[row] = fma(state.sum[row], shrink, mass);
    if (first) continue;
    float* mixed = scratch.mixed + row * head.value_stride;
    for (std::int64_t i = 0; i < head.value_stride; i += kLanes) {
      store(mixed + i, load(mixed + i) * splat(shrink));
    }
  }
}

void attend_sequence(const SequenceHead& head, std::int64_t block, const SequenceScratch& scratch) {
  const Positions queries = block_rows(head, block);
  const std::int64_t rows = queries.end - queries.begin;
  const RunningSoftmax state = {scratch.rows, scratch.rows + kSequenceBlock,
                                scratch.rows + 2 * kSequenceBlock,
                                scratch.rows + 3 * kSequenceBlock};
  for (std::int64_t i = 0; i < kSequenceBlock; i += kLanes) {
    store(state.largest + i, splat(-kScoreLimit));
    store(state.tops + i, splat(-kScoreLimit));
    store(state.sum + i, zero());
  }
  clear(scratch.mixed, rows * head.value_stride);
  copy_block(head.q + queries.begin * head.q_stride, head.q_stride, rows, head.key_dim, head.scale,
             scratch.queries, head.key_stride);

  const Positions all = seen_together(head, queries.begin, rows, {0, head.length});
  const std::int64_t first = all.begin / kSequenceBlock;
  for (std::int64_t i = first; i * kSequenceBlock < all.end; ++i) {
    const Positions keys = block_rows(head, i);
    const std::int64_t count = keys.end - keys.begin;
    transpose_block(head.k + keys.begin * head.k_stride, head.k_stride, count, head.key_dim,
                    scratch.keys_t);
    copy_block(head.v + keys.begin * head.v_stride, head.v_stride, count, head.value_dim, 1,
               scratch.values, head.value_stride);
    multiply_keys(head, queries, keys, scratch.queries, head.key_stride, head.key_dim,
                  scratch.keys_t, scratch.scores);
    weigh_block(head, queries, keys, state, scratch, i == first);
    add_keys(head, queries, keys, scratch.scores, scratch.values, head.value_stride, scratch.mixed);
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    const Floats share = splat(1 / state.sum[row]);
    const float* mixed = scratch.mixed + row * head.value_stride;
    float* out = head.out + (queries.begin + row) * head.out_stride;
    each(head.value_dim, [&](auto at) { at.put(out, load(mixed + at.i) * share); });
    if (head.log_sums == nullptr) continue;
    head.log_sums[(queries.begin + row) * head.sums_stride] =
        state.largest[row] + __builtin_logf(state.sum[row]);
  }
}

void start_keys(const SequenceHead& head, std::int64_t block, const SequenceScratch& scratch) {
  const Positions keys = block_rows(head, block);
  const std::int64_t count = keys.end - keys.begin;
  const float* k = head.k + keys.begin * head.k_stride;
  copy_block(k, head.k_stride, count, head.key_dim, 1, scratch.keys, head.key_stride);
  transpose_block(k, head.k_stride, count, head.key_dim, scratch.keys_t);
  transpose_block(head.v + keys.begin * head.v_stride, head.v_stride, count, head.value_dim,
                  scratch.values_t);
  clear(scratch.dk, count * head.key_stride);
  clear(scratch.dv, count * head.value_stride);
}

/// From scores and the gradients of weights to weights and the gradients of scores:
///   weight = exp(score − log_sum), d score = weight · (d weight − Σ d out · out),
/// times the slope of the soft cap. Both become 0 where a query does not see a key.
void weigh_backward(const SequenceHead& head, Positions queries, Positions keys,
                    const SequenceScratch& scratch) {
  const Floats cap = splat(head.soft_cap),
               inverse = splat(head.soft_cap > 0 ? 1 / head.soft_cap : 0);
  for (std::int64_t row = queries.begin; row < queries.end; ++row) {
    float* scores = scratch.scores + (row - queries.begin) * kSequenceBlock;
    float* d_scores = scratch.d_scores + (row - queries.begin) * kSequenceBlock;
    const Positions range = seen(head, row, keys);
    const Floats log_sum = splat(head.log_sums[row * head.sums_stride]);
    const Floats mean = splat(head.means[row * head.sums_stride]);
    for (std::int64_t i = 0; i < kSequenceBlock; i += kLanes) {
      Floats weight = zero(), d_score = zero();
      if (i + kLanes > range.begin && i < range.end) {
        Floats score = load(scores + i);
        d_score = load(d_scores + i) - mean;
        if (head.soft_cap > 0) {
          const Floats t = tanh(score * inverse);
          score = cap * t;
          d_score = d_score * fnma(t, t, splat(1));
        }
        weight = exp_below_one(score - log_sum);
        d_score = d_score * weight;
        if (i < range.begin) {
          const Mask before = first(range.begin - i);
          weight = select(before, zero(), weight);
          d_score = select(before, zero(), d_score);
        }
        if (i + kLanes > range.end) {
          const Mask within = first(range.end - i);
          weight = select(within, weight, zero());
          d_score = select(within, d_score, zero());
        }
      }
      store(scores + i, weight);
      store(d_scores + i, d_score);
    }
  }
}

void attend_backward(const SequenceHead& head, std::int64_t query_block, std::int64_t key_block,
                     const SequenceScratch& scratch) {
  const Positions queries = block_rows(head, query_block), keys = block_rows(head, key_block);
  const std::int64_t rows = queries.end - queries.begin;
  copy_block(head.q + queries.begin * head.q_stride, head.q_stride, rows, head.key_dim, head.scale,
             scratch.queries, head.key_stride);
  copy_block(head.d_out + queries.begin * head.d_out_stride, head.d_out_stride, rows,
             head.value_dim, 1, scratch.mixed, head.value_stride);
  multiply_keys(head, queries, keys, scratch.queries, head.key_stride, head.key_dim, scratch.keys_t,
                scratch.scores);
  multiply_keys(head, queries, keys, scratch.mixed, head.value_stride, head.value_dim,
                scratch.values_t, scratch.d_scores);
  weigh_backward(head, queries, keys, scratch);
  add_queries_of_keys(head, queries, keys, scratch.scores, scratch.mixed, head.value_stride,
                      scratch.dv);
  // The queries in scratch carry the scale of the scores already.
  add_queries_of_keys(head, queries, keys, scratch.d_scores, scratch.queries, head.key_stride,
                      scratch.dk);
  clear(scratch.dq, rows * head.key_stride);
  add_keys(head, queries, keys, scratch.d_scores, scratch.keys, head.key_stride, scratch.dq);
}

void add_queries(const SequenceHead& head, std::int64_t block, const SequenceScratch& scratch) {
  const Positions queries = block_rows(head, block);
  const Floats scale = splat(head.scale);
  for (std::int64_t row = queries.begin; row < queries.end; ++row) {
    const float* from = scratch.dq + (row - queries.begin) * head.key_stride;
    float* to = head.dq + row * head.dq_stride;
    each(head.key_dim, [&](auto at) { at.put(to, fma(at.get(from), scale, at.get(to))); });
  }
}

void finish_keys(const SequenceHead& head, std::int64_t block, const SequenceScratch& scratch,
                 float* dk, std::int64_t dk_stride, bool add_dk, float* dv, std::int64_t dv_stride,
                 bool add_dv) {
  const Positions keys = block_rows(head, block);
  const auto write = [](const float* from, std::int64_t dim, float* to, bool add) {
    each(dim, [&](auto at) { at.put(to, add ? at.get(from) + at.get(to) : at.get(from)); });
  };
  for (std::int64_t row = keys.begin; row < keys.end; ++row) {
    const std::int64_t i = row - keys.begin;
    write(scratch.dk + i * head.key_stride, head.key_dim, dk + row * dk_stride, add_dk);
    write(scratch.dv + i * head.value_stride, head.value_dim, dv + row * dv_stride, add_dv);
  }
}

}  // namespace

extern const SequenceAttentionKernels sequence_attention_kernels = {
    attend_sequence, start_keys, attend_backward, add_queries, finish_keys};
