#pragma once

#include <optional>
#include <vector>

#include "model/layers/attention.h"
#include "model/layers/layer.h"
#include "model/layers/recurrent.h"
#include "tensor/ops/project.h"

namespace jielong {

/// f = f_L ∘ … ∘ f_1: embeddings, a residual stream that sublayers read and add to, and a
/// head. Every architecture is such a stack; a family's file names its parts.
class Stack {
 public:
  Weight tokens;  ///< (vocabulary, channels)
  float embedding_scale = 1;
  Weight positions;  ///< (context, channels), learned positions; may be absent
  Weight segments;   ///< (segments, channels), BERT's token types; may be absent
  std::optional<Norm> embedding_norm;
  std::vector<Residual> residuals;
  std::vector<const Attention*> attentions;  ///< by cache layer
  std::vector<const Recurrent*> recurrents;  ///< by state layer
  std::optional<Norm> final_norm;
  Linear head;  ///< (vocabulary, channels); absent in encoders
  float logit_soft_cap = 0;

  /// Layers in `residuals` that the architecture counts as one, for names and progress.
  std::int64_t depth = 0;

  /// Hidden states (output_rows, channels), the final norm applied.
  Tensor hidden(ModelPass& pass) const;
  /// Scores for the next token, (output_rows, vocabulary).
  Tensor logits(ModelPass& pass) const;

  void prepare(ThreadPool& pool);

 private:
  Tensor embed_tokens(ModelPass& pass) const;
  std::size_t kept_residuals() const;
  Tensor stream(ModelPass& pass) const;
};

}  // namespace jielong
