#include "model/stack.h"

#include <algorithm>

#include "model/layers/checkpoint.h"
#include "tensor/ops/add.h"
#include "tensor/ops/embed.h"
#include "tensor/ops/rows.h"
#include "tensor/ops/scores.h"

namespace jielong {

Tensor Stack::embed_tokens(ModelPass& model_pass) const {
  Pass& pass = model_pass.pass;
  const Batch& batch = model_pass.batch;
  Tensor x = embed(pass, tokens, batch.tokens, embedding_scale);
  const PassScope scope(pass);
  if (positions) {
    const std::vector<std::int32_t> places(batch.positions.begin(), batch.positions.end());
    x = add(pass, embed(pass, positions, places), x);
  }
  if (segments) {
    const std::vector<std::int32_t> first(batch.tokens.size(), 0);
    x = add(pass, embed(pass, segments, batch.segments.empty() ? first : batch.segments), x);
  }
  return embedding_norm ? normalize_in_place(pass, *embedding_norm, x) : x;
}

/// Residuals at the beginning that are not checkpointed, because later ones read what they compute.
std::size_t Stack::kept_residuals() const {
  for (std::size_t i = 0; i < residuals.size(); ++i) {
    const auto* attention = dynamic_cast<const Attention*>(residuals[i].layer.get());
    if (attention != nullptr && attention->gives_first_value) return i + 1;
  }
  return 0;
}

Tensor Stack::stream(ModelPass& pass) const {
  Tensor x = embed_tokens(pass);
  const std::size_t kept = pass.checkpoint_residuals > 0 ? kept_residuals() : residuals.size();
  for (std::size_t i = 0; i < residuals.size();) {
    const bool checkpoints = i >= kept;
    const auto step = checkpoints ? static_cast<std::size_t>(pass.checkpoint_residuals) : 1;
    const std::size_t end = std::min(i + step, residuals.size());
    const auto block = [this, i, end](ModelPass& inner, const Tensor& input) {
      Tensor y = input;
      for (std::size_t each = i; each < end; ++each) {
        y = residuals[each].apply(inner, y);
        inner.pass.visit("residual." + std::to_string(each), ".out", y);
      }
      return y;
    };
    // Values that later layers mix in are kept, so what makes them does not run again.
    const bool gives_values =
        !attentions.empty() && attentions.front()->gives_first_value && !pass.first_value;
    x = checkpoints && !gives_values ? checkpoint(pass, x, block) : block(pass, x);
    i = end;
  }
  const std::vector<std::int64_t>& chosen = pass.batch.output_rows;
  // They ascend, so as many as there are rows are all of them.
  return static_cast<std::int64_t>(chosen.size()) == x.rows ? x : gather_rows(pass.pass, x, chosen);
}

Tensor Stack::hidden(ModelPass& pass) const {
  const Tensor x = stream(pass);
  return final_norm ? normalize_in_place(pass.pass, *final_norm, x) : x;
}

Tensor Stack::logits(ModelPass& pass) const {
  const Tensor x = stream(pass);
  const Tensor scores = project(pass.pass, final_norm ? &*final_norm : nullptr, x, head);
  return logit_soft_cap > 0 ? soft_cap(pass.pass, logit_soft_cap, scores) : scores;
}

void Stack::prepare(ThreadPool& pool) {
  for (auto& residual : residuals) {
    for (Weight* matrix : residual.layer->matrices()) jielong::prepare(*matrix, pool);
    residual.layer->freeze();
  }
  jielong::prepare(head.weight, pool);
}

}  // namespace jielong
