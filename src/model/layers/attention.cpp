#include "model/layers/attention.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "model/kv_cache.h"
#include "tensor/ops/attend.h"
#include "tensor/ops/blend.h"
#include "tensor/ops/rows.h"
#include "tensor/ops/squash.h"

namespace jielong {
namespace {

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
  Projected of{qkv.columns(0, q_width), qkv.columns(q_width, k_width),
               qkv.columns(q_width + k_width, v_width)};
  const Tensor opening = open ? pass.empty(rows, open.weight.out) : Tensor{};
  const Projection outputs[] = {{&query, of.q}, {&key, of.k}, {&value, of.v}, {&open, opening}};
  project(pass, input.norm, input.x, std::span(outputs).first(open ? 4 : 3));
  if (gives_first_value) model_pass.keep_first_value(of.v);
  if (value_mix) {
    if (!model_pass.first_value) {
      throw Error(ErrorKind::internal, "no layer before gave its values", value_mix.name);
    }
    of.v = blend(pass, value_mix, of.v, model_pass.first_value);
  }
  const Tensor mixed = evaluates_whole(pass, model_pass.batch) ? attend_whole(model_pass, of)
                                                               : attend_pages(model_pass, of);
  return open ? gate(pass, Squash::sigmoid, opening, mixed) : mixed;
}

bool Attention::evaluates_whole(const Pass& pass, const Batch& batch) const {
  const bool cached = std::any_of(batch.sequences.begin(), batch.sequences.end(),
                                  [](const SequenceRows& s) { return s.cache != nullptr; });
  if (pass.tape() == nullptr) return !cached && query.weight.packed.empty();
  if (cached) {
    throw Error(ErrorKind::internal, "a pass with a tape takes whole sequences without a cache",
                "attention");
  }
  return true;
}

Tensor Attention::attend_whole(ModelPass& model_pass, Projected of) const {
  Pass& pass = model_pass.pass;
  if (query_norm) of.q = normalize(pass, *query_norm, of.q, params.heads);
  if (key_norm) of.k = normalize(pass, *key_norm, of.k, shape.kv_heads);
  if (rope) {
    const RopeTable& table = model_pass.rope(*rope);
    of.q = rotate(pass, *rope, table, of.q, params.heads);
    of.k = rotate(pass, *rope, table, of.k, shape.kv_heads);
  }
  std::vector<std::int64_t> borders;
  for (const SequenceRows& s : model_pass.batch.sequences) borders.push_back(s.first_row);
  borders.push_back(of.q.rows);
  return attend(pass, shape, params, std::move(borders), of.q, of.k, of.v);
}

Tensor Attention::attend_pages(ModelPass& model_pass, const Projected& of) const {
  Pass& pass = model_pass.pass;
  const std::int64_t rows = of.q.rows;
  const RopeTable* table = rope ? &model_pass.rope(*rope) : nullptr;
  const Tensor mixed = pass.empty(rows, params.heads * shape.value_dim);
  const std::vector<SequenceRows>& sequences = model_pass.batch.sequences;
  PassPages own(pass, model_pass.batch, shape, cache_layer + model_pass.cache_offset);
  // Over the rows of all sequences: in decoding each of them has a single one.
  for_rows(pass.pool(), rows, [&](std::int64_t begin, std::int64_t end) {
    std::size_t s = sequence_of(sequences, begin);
    for (std::int64_t row = begin; row < end; ++row) {
      if (row == sequences[s].first_row + sequences[s].count) ++s;
      const std::int64_t position = sequences[s].first_position + row - sequences[s].first_row;
      place_row(table, row, of.q.row(row), of.k.row(row));
      const auto page = static_cast<std::size_t>(position / KvLayout::kPositions);
      kv_store(own.layout, own.pages[own.first[s] + page], position % KvLayout::kPositions,
               of.k.row(row), of.v.row(row));
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
  attend(pass.pool(), own.layout, params, queries, of.q.data, of.q.stride, mixed.data,
         mixed.stride);
  return mixed;
}

Tensor Attention::forward(ModelPass& pass, const Input& input) const {
  return project(pass.pass, nullptr, mix(pass, input), output);
}

Tensor Attention::forward_add(ModelPass& pass, const Input& input, const Tensor& sum) const {
  return project_add(pass.pass, mix(pass, input), output, sum);
}

std::vector<Weight*> Attention::matrices() {
  return {&query.weight, &key.weight, &value.weight, &open.weight, &output.weight};
}

}  // namespace jielong
