#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "model/batch.h"
#include "tensor/ops/norm.h"
#include "tensor/ops/rope.h"
#include "tensor/pass.h"

namespace jielong {

/// One pass of a batch through a model: the pass and what depends on the rows' places.
class ModelPass {
 public:
  ModelPass(Pass& pass, const Batch& batch) : pass(pass), batch(batch) {}

  Pass& pass;
  const Batch& batch;

  /// The table of `rope` for this batch, made when a layer first asks for it.
  const RopeTable& rope(const Rope& rope);

 private:
  struct Entry {
    const Rope* rope;
    RopeTable table;
  };
  std::vector<Entry> ropes_;
};

/// What a sublayer reads: the residual stream, normalised first when `norm` is given. The
/// two are handed over apart so that a sublayer can normalise while it converts its input.
struct Input {
  Tensor x;  ///< (rows, channels)
  const Norm* norm = nullptr;
};

/// A small function f_i of the chain f = f_L ∘ … ∘ f_1: attention over all inputs, or
/// thought about a single token.
class Layer {
 public:
  virtual ~Layer() = default;

  /// f(norm(x)) as a new tensor, (rows, channels).
  virtual Tensor forward(ModelPass& pass, const Input& input) const = 0;

  /// sum += f(norm(x)). The same values as forward() and an addition; layers that end in a
  /// projection add while they project.
  virtual void forward_add(ModelPass& pass, const Input& input, const Tensor& sum) const;

  /// Lays weights out for the active instruction set, once, before the first pass.
  virtual void prepare(ThreadPool& pool) = 0;
};

/// y = after(x + post(f(before(x)))), each norm where the architecture has it.
struct Residual {
  Norm before;                  ///< pre-norm; no gain: none
  std::shared_ptr<Layer> layer; ///< shared_ptr: ALBERT repeats one layer
  Norm post;                    ///< norm of the sublayer's output (Gemma)
  Norm after;                   ///< norm of the sum (BERT)
  bool has_before = false, has_post = false, has_after = false;

  /// Updates x (rows, channels) in place.
  void apply(ModelPass& pass, const Tensor& x) const;
};

/// Packs a linear map's weight and gives the file's pages of it back.
void prepare(struct Linear& linear, ThreadPool& pool);

}  // namespace jielong
