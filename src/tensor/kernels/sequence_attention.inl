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

/// Asks for rows to be brought into the second-level cache: they are short and far apart, which the
/// processor does not foresee.
JIELONG_KERNEL void fetch_block(const float* from, std::int64_t stride, std::int64_t count,
                                std::int64_t dim) {
  for (std::int64_t i = 0; i < count; ++i) {
    fetch(reinterpret_cast<const std::byte*>(from + i * stride), dim * 4);
  }
}

/// Asks for a block of keys and values.
JIELONG_KERNEL void fetch_keys(const SequenceHead& head, std::int64_t block) {
  const Positions keys = block_rows(head, block);
  const std::int64_t count = keys.end - keys.begin;
  fetch_block(head.k + keys.begin * head.k_stride, head.k_stride, count, head.key_dim);
  fetch_block(head.v + keys.begin * head.v_stride, head.v_stride, count, head.value_dim);
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

/// Takes the rows of a block of queries, scaled; nothing is known of them yet.
void start_queries(const SequenceQueries& of) {
  const SequenceHead& head = of.head;
  const Positions queries = block_rows(head, of.block);
  const std::int64_t rows = queries.end - queries.begin;
  copy_block(head.q + queries.begin * head.q_stride, head.q_stride, rows, head.key_dim, head.scale,
             of.queries, head.key_stride);
  clear(of.mixed, rows * head.value_stride);
  for (std::int64_t i = 0; i < kSequenceBlock; i += kLanes) {
    store(of.largest + i, splat(-kScoreLimit));
    store(of.sum + i, zero());
  }
}

/// The scores become weights; what was summed before shrinks to the new largest score.
void weigh_block(const SequenceQueries& of, Positions queries, Positions keys,
                 const SequenceScratch& scratch, bool is_first) {
  const SequenceHead& head = of.head;
  const std::int64_t rows = queries.end - queries.begin;
  const auto range_of = [&](std::int64_t row) { return seen(head, queries.begin + row, keys); };
  // In two sweeps, so that the reductions of neighbouring rows overlap.
  for (std::int64_t row = 0; row < rows; ++row) {
    const Positions range = range_of(row);
    scratch.tops[row] = range.begin < range.end
                            ? cap_row(scratch.scores + row * kSequenceBlock, range, head.soft_cap)
                            : -kScoreLimit;
  }
  for (std::int64_t i = 0; i < rows; i += kLanes) {
    const Floats before = load(of.largest + i), now = max(load(scratch.tops + i), before);
    store(scratch.shrink + i, exp_below_one(before - now));
    store(of.largest + i, now);
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    float* scores = scratch.scores + row * kSequenceBlock;
    const Positions range = range_of(row);
    const float shrink = scratch.shrink[row];
    float mass = 0;
    if (range.begin < range.end) mass = weigh_row(scores, range, of.largest[row]);
    clear_outside(scores, range);
    of.sum[row] = fma(of.sum[row], shrink, mass);
    if (is_first || shrink == 1) continue;
    float* mixed = of.mixed + row * head.value_stride;
    for (std::int64_t i = 0; i < head.value_stride; i += kLanes) {
      store(mixed + i, load(mixed + i) * splat(shrink));
    }
  }
}

void finish_queries(const SequenceQueries& of) {
  const SequenceHead& head = of.head;
  const Positions queries = block_rows(head, of.block);
  for (std::int64_t row = queries.begin; row < queries.end; ++row) {
    const std::int64_t i = row - queries.begin;
    const Floats share = splat(1 / of.sum[i]);
    const float* mixed = of.mixed + i * head.value_stride;
    float* out = head.out + row * head.out_stride;
    each(head.value_dim, [&](auto at) { at.put(out, load(mixed + at.i) * share); });
    if (head.log_sums != nullptr) {
      head.log_sums[row * head.sums_stride] = of.largest[i] + __builtin_logf(of.sum[i]);
    }
  }
}

void attend_sequence(const SequenceQueries* queries, std::int64_t count,
                     const SequenceScratch& scratch) {
  // Tops beyond the rows of a block are read, too: with a number, whatever it is.
  for (std::int64_t i = 0; i < kSequenceBlock; i += kLanes) store(scratch.tops + i, zero());
  // Blocks of keys that query block `of` sees.
  const auto blocks_of = [&](const SequenceQueries& of) -> Positions {
    const Positions rows = block_rows(of.head, of.block);
    const Positions all =
        seen_together(of.head, rows.begin, rows.end - rows.begin, {0, of.head.length});
    return {all.begin / kSequenceBlock, (all.end + kSequenceBlock - 1) / kSequenceBlock};
  };
  const SequenceHead& head = queries[0].head;
  Positions all = blocks_of(queries[0]);
  fetch_keys(head, all.begin);
  for (std::int64_t i = 0; i < count; ++i) {
    start_queries(queries[i]);
    const Positions own = blocks_of(queries[i]);
    all = {smaller(all.begin, own.begin), larger(all.end, own.end)};
  }
  for (std::int64_t block = all.begin; block < all.end; ++block) {
    const Positions keys = block_rows(head, block);
    const std::int64_t rows = keys.end - keys.begin;
    transpose_block(head.k + keys.begin * head.k_stride, head.k_stride, rows, head.key_dim,
                    scratch.keys_t);
    copy_block(head.v + keys.begin * head.v_stride, head.v_stride, rows, head.value_dim, 1,
               scratch.values, head.value_stride);
    if (block + 1 < all.end) fetch_keys(head, block + 1);
    for (std::int64_t i = 0; i < count; ++i) {
      const SequenceQueries& of = queries[i];
      const Positions own = blocks_of(of), places = block_rows(of.head, of.block);
      if (block < own.begin || block >= own.end) continue;
      multiply_keys(of.head, places, keys, of.queries, head.key_stride, head.key_dim,
                    scratch.keys_t, scratch.scores);
      weigh_block(of, places, keys, scratch, block == own.begin);
      add_keys(of.head, places, keys, scratch.scores, scratch.values, head.value_stride, of.mixed);
    }
  }
  for (std::int64_t i = 0; i < count; ++i) finish_queries(queries[i]);
}

void start_keys(const SequenceHead& head, std::int64_t block, const SequenceScratch& scratch) {
  const Positions keys = block_rows(head, block);
  const std::int64_t count = keys.end - keys.begin;
  const float* k = head.k + keys.begin * head.k_stride;
  fetch_keys(head, block);
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

void attend_backward(const SequenceQueries& of, std::int64_t key_block,
                     const SequenceScratch& scratch) {
  const SequenceHead& head = of.head;
  const Positions queries = block_rows(head, of.block), keys = block_rows(head, key_block);
  const std::int64_t rows = queries.end - queries.begin;
  copy_block(head.q + queries.begin * head.q_stride, head.q_stride, rows, head.key_dim, head.scale,
             of.queries, head.key_stride);
  copy_block(head.d_out + queries.begin * head.d_out_stride, head.d_out_stride, rows,
             head.value_dim, 1, of.mixed, head.value_stride);
  fetch_block(head.dq + queries.begin * head.dq_stride, head.dq_stride, rows, head.key_dim);
  if (queries.end < head.length) {
    const std::int64_t next = smaller(kSequenceBlock, head.length - queries.end);
    fetch_block(head.q + queries.end * head.q_stride, head.q_stride, next, head.key_dim);
    fetch_block(head.d_out + queries.end * head.d_out_stride, head.d_out_stride, next,
                head.value_dim);
  }
  multiply_keys(head, queries, keys, of.queries, head.key_stride, head.key_dim, scratch.keys_t,
                scratch.scores);
  multiply_keys(head, queries, keys, of.mixed, head.value_stride, head.value_dim, scratch.values_t,
                scratch.d_scores);
  weigh_backward(head, queries, keys, scratch);
  add_queries_of_keys(head, queries, keys, scratch.scores, of.mixed, head.value_stride, scratch.dv);
  // The copied queries carry the scale of the scores already.
  add_queries_of_keys(head, queries, keys, scratch.d_scores, of.queries, head.key_stride,
                      scratch.dk);
  clear(scratch.dq, rows * head.key_stride);
  add_keys(head, queries, keys, scratch.d_scores, scratch.keys, head.key_stride, scratch.dq);
}

void finish_query_gradients(const SequenceHead& head, std::int64_t block,
                            const SequenceScratch& scratch, bool add) {
  const Positions queries = block_rows(head, block);
  const Floats scale = splat(head.scale);
  for (std::int64_t row = queries.begin; row < queries.end; ++row) {
    const float* from = scratch.dq + (row - queries.begin) * head.key_stride;
    float* to = head.dq + row * head.dq_stride;
    each(head.key_dim, [&](auto at) {
      const Floats x = at.get(from);
      at.put(to, add ? fma(x, scale, at.get(to)) : x * scale);
    });
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
    attend_sequence, start_keys, attend_backward, finish_query_gradients, finish_keys};
