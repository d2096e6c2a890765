#include "model/layers/attention.h"

#include "model/kv_cache.h"

namespace jielong {
namespace {

/// Rows below this are rotated and stored by the calling thread alone: starting the
/// others would take longer.
constexpr std::int64_t kRowsWorthSharing = 8;

template <typename Body>
void for_rows(ThreadPool& pool, std::int64_t rows, const Body& body) {
  if (rows < kRowsWorthSharing) {
    for (std::int64_t i = 0; i < rows; ++i) body(i);
  } else {
    pool.for_range(rows, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) body(i);
    });
  }
}

/// The pages that a pass writes keys and values to: those of the cache, or, for a sequence
/// that is not continued later, pages of the arena.
struct SequencePages {
  KvLayout layout;
  std::vector<std::byte*> pages;
};

SequencePages pages_of(Pass& pass, const SequenceRows& rows, const KvLayout& shape,
                       std::int64_t cache_layer) {
  SequencePages result{shape, {}};
  if (rows.cache != nullptr) {
    result.layout = rows.cache->layout(cache_layer);
    rows.cache->pages(cache_layer, result.pages);
    return result;
  }
  result.layout.type = KvType::f32;
  const auto floats = static_cast<std::int64_t>(result.layout.page_bytes() / sizeof(float)) + 1;
  for (std::int64_t at = 0; at < rows.count; at += KvLayout::kPositions) {
    float* page = pass.arena().floats(floats);
    std::fill(page, page + floats, 0.0f);
    result.pages.push_back(reinterpret_cast<std::byte*>(page));
  }
  return result;
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
  std::vector<AttentionQueries> queries;
  std::vector<SequencePages> pages;
  pages.reserve(model_pass.batch.sequences.size());
  for (const SequenceRows& sequence : model_pass.batch.sequences) {
    const SequencePages& own = pages.emplace_back(pages_of(pass, sequence, shape, cache_layer));
    for_rows(pass.pool(), sequence.count, [&](std::int64_t i) {
      const std::int64_t row = sequence.first_row + i;
      const std::int64_t position = sequence.first_position + i;
      place_row(table, row, q.row(row), k.row(row));
      kv_store(own.layout, own.pages[static_cast<std::size_t>(position / KvLayout::kPositions)],
               position % KvLayout::kPositions, k.row(row), v.row(row));
    });
    queries.push_back({sequence.first_row, sequence.count, sequence.first_position,
                       sequence.first_position + sequence.count, own.pages});
  }
  // One layout serves all: a batch is either all cached or all uncached.
  attend(pass.pool(), pages.front().layout, params, queries, q.data, q.stride, mixed.data,
         mixed.stride);
  return mixed;
}

Tensor Attention::forward(ModelPass& pass, const Input& input) const {
  return project(pass.pass, nullptr, mix(pass, input), output);
}

void Attention::forward_add(ModelPass& pass, const Input& input, const Tensor& sum) const {
  project_add(pass.pass, mix(pass, input), output, sum);
}

void Attention::prepare(ThreadPool& pool) {
  for (Linear* linear : {&query, &key, &value, &output}) jielong::prepare(linear->weight, pool);
}

}  // namespace jielong
