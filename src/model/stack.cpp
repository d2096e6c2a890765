#include "model/stack.h"

#include <algorithm>

#include "tensor/ops/add.h"
#include "tensor/ops/embed.h"

namespace jielong {

Tensor Stack::embed_tokens(ModelPass& model_pass) const {
  Pass& pass = model_pass.pass;
  const Batch& batch = model_pass.batch;
  const Tensor x = embed(pass, tokens, batch.tokens, embedding_scale);
  const ArenaScope scope(pass.arena());
  if (positions) {
    const std::vector<std::int32_t> places(batch.positions.begin(), batch.positions.end());
    add(pass, embed(pass, positions, places), x);
  }
  if (segments) {
    const std::vector<std::int32_t> first(batch.tokens.size(), 0);
    add(pass, embed(pass, segments, batch.segments.empty() ? first : batch.segments), x);
  }
  if (embedding_norm) normalize_in_place(pass, *embedding_norm, x);
  return x;
}

Tensor Stack::stream(ModelPass& pass) const {
  const Tensor x = embed_tokens(pass);
  for (std::size_t i = 0; i < residuals.size(); ++i) {
    residuals[i].apply(pass, x);
    pass.pass.visit("residual." + std::to_string(i), ".out", x);
  }
  const Tensor chosen =
      pass.pass.empty(static_cast<std::int64_t>(pass.batch.output_rows.size()), x.channels);
  for (std::int64_t i = 0; i < chosen.rows; ++i) {
    std::copy_n(x.row(pass.batch.output_rows[static_cast<std::size_t>(i)]), x.channels,
                chosen.row(i));
  }
  return chosen;
}

Tensor Stack::hidden(ModelPass& pass) const {
  const Tensor x = stream(pass);
  if (final_norm) normalize_in_place(pass.pass, *final_norm, x);
  return x;
}

Tensor Stack::logits(ModelPass& pass) const {
  const Tensor x = stream(pass);
  const Tensor scores = project(pass.pass, final_norm ? &*final_norm : nullptr, x, head);
  if (logit_soft_cap > 0) {
    pass.pass.pool().run([&](int thread, int threads) {
      const auto [begin, end] = ThreadPool::slice(scores.channels, 16, thread, threads);
      for (std::int64_t i = 0; i < scores.rows; ++i) {
        vectors().soft_cap(logit_soft_cap, scores.row(i) + begin, end - begin);
      }
    });
  }
  return scores;
}

void Stack::prepare(ThreadPool& pool) {
  for (auto& residual : residuals) {
    for (Weight* matrix : residual.layer->matrices()) jielong::prepare(*matrix, pool);
  }
  jielong::prepare(head.weight, pool);
}

}  // namespace jielong
