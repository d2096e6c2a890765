#include "model/layers/attention.h"

#include <algorithm>

#include "model/kv_cache.h"

namespace jielong {
namespace {

/// Rows below this are rotated and stored by the calling thread alone: starting the
/// others would take longer.
constexpr std::int64_t kRowsWorthSharing = 8;

/// Calls body(begin, end) for parts of [0, rows).
template <typename Body>
void for_rows(ThreadPool& pool, std::int64_t rows, const Body& body) {
  if (rows < kRowsWorthSharing) {
    body(0, rows);
  } else {
    pool.for_range(rows, 1, body);
  }
}

/// The pages that a pass writes keys and values to: those of the cache, or, for sequences
/// that are not continued later, pages of the arena.
struct PassPages {
  KvLayout layout;
  std::vector<std::byte*> pages;   ///< of all sequences, one after the other
  std::vector<std::size_t> first;  ///< each sequence's first one

  PassPages(Pass& pass, const Batch& batch, const KvLayout& shape, std::int64_t cache_layer)
      : layout(shape) {
    first.reserve(batch.sequences.size());
    for (const SequenceRows& rows : batch.sequences) {
      first.push_back(pages.size());
      if (rows.cache != nullptr) {
        // One layout serves all: a batch is either all cached or all uncached.
        layout = rows.cache->layout(cache_layer);
        rows.cache->add_pages(cache_layer, pages);
      } else {
        layout.type = KvType::f32;
        add_arena_pages(pass, rows.count);
      }
    }
  }

 private:
  void add_arena_pages(Pass& pass, std::int64_t positions) {
    const auto floats = static_cast<std::int64_t>(layout.page_bytes() / sizeof(float)) + 1;
    for (std::int64_t at = 0; at < positions; at += KvLayout::kPositions) {
      float* page = pass.arena().floats(floats);
      std::fill(page, page + floats, 0.0f);
      pages.push_back(reinterpret_cast<std::byte*>(page));
    }
  }
};

/// Index of the sequence that row `row` belongs to.
std::size_t sequence_of(const std::vector<SequenceRows>& sequences, std::int64_t row) {
  const auto after =
      std::upper_bound(sequences.begin(), sequences.end(), row,
                       [](std::int64_t r, const SequenceRows& s) { return r < s.first_row; });
  return static_cast<std::size_t>(after - sequences.begin()) - 1;
}

}  // namespace

void Attention::place_row(const RopeTable* table, std::int64_t row, float* q, float* k) const {
  const std::int64_t dim = shape.key_dim;
  if (query_norm) {
    for (std::int64_t h = 0; h < params.heads; ++h) query_norm->row(q + h * dim, q + h * dim, dim);
  }
  if (key_norm) {
    for (std::int64_t h = 0; h < shape.kv_heads; ++h) key_norm->row(k + h * dim, k + h * dim, dim);
  }
  if (table != nullptr) {
    rotate_row(*rope, *table, row, q, params.heads, dim);
    rotate_row(*rope, *table, row, k, shape.kv_heads, dim);
  }
}

Tensor Attention::mix(ModelPass& model_pass, const Input& input) const {
  Pass& pass = model_pass.pass;
  const std::int64_t rows = input.x.rows;
  const std::int64_t q_width = query.weight.out, k_width = key.weight.out,
                     v_width = value.weight.out;
  const Tensor qkv = pass.empty(rows, q_width + k_width + v_width);
  const Tensor q = qkv.columns(0, q_width), k = qkv.columns(q_width, k_width),
               v = qkv.columns(q_width + k_width, v_width);
  const Projection outputs[] = {{&query, q}, {&key, k}, {&value, v}};
  project(pass, input.norm, input.x, outputs);

  const RopeTable* table = rope ? &model_pass.rope(*rope) : nullptr;
  const Tensor mixed = pass.empty(rows, params.heads * shape.value_dim);
  const std::vector<SequenceRows>& sequences = model_pass.batch.sequences;
  PassPages own(pass, model_pass.batch, shape, cache_layer);
  // Over the rows of all sequences: in decoding each of them has a single one.
  for_rows(pass.pool(), rows, [&](std::int64_t begin, std::int64_t end) {
    std::size_t s = sequence_of(sequences, begin);
    for (std::int64_t row = begin; row < end; ++row) {
      if (row == sequences[s].first_row + sequences[s].count) ++s;
      const std::int64_t position = sequences[s].first_position + row - sequences[s].first_row;
      place_row(table, row, q.row(row), k.row(row));
      const auto page = static_cast<std::size_t>(position / KvLayout::kPositions);
      kv_store(own.layout, own.pages[own.first[s] + page], position % KvLayout::kPositions,
               k.row(row), v.row(row));
    }
  });
  std::vector<AttentionQueries> queries;
  queries.reserve(sequences.size());
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    const SequenceRows& rows_of = sequences[s];
    const std::size_t end = s + 1 < sequences.size() ? own.first[s + 1] : own.pages.size();
    queries.push_back({rows_of.first_row, rows_of.count, rows_of.first_position,
                       rows_of.first_position + rows_of.count,
                       std::span(own.pages).subspan(own.first[s], end - own.first[s])});
  }
  attend(pass.pool(), own.layout, params, queries, q.data, q.stride, mixed.data, mixed.stride);
  return mixed;
}

Tensor Attention::forward(ModelPass& pass, const Input& input) const {
  return project(pass.pass, nullptr, mix(pass, input), output);
}

void Attention::forward_add(ModelPass& pass, const Input& input, const Tensor& sum) const {
  project_add(pass.pass, mix(pass, input), output, sum);
}

std::vector<Weight*> Attention::matrices() {
  return {&query.weight, &key.weight, &value.weight, &output.weight};
}

}  // namespace jielong
