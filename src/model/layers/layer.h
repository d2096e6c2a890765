#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "model/batch.h"
#include "tensor/ops/norm.h"
#include "tensor/ops/rope.h"
#include "tensor/pass.h"
#include "tensor/weight.h"

namespace jielong {

/// One pass of a batch through a model: the pass and what depends on the rows' places. With a tape
/// it must outlive Tape::backward().
class ModelPass {
 public:
  ModelPass(Pass& of_rows, const Batch& rows)
      : pass(of_rows), batch(rows), ropes_(std::make_shared<std::vector<Entry>>()) {}
  /// The same rows in another pass.
  ModelPass(Pass& of_rows, const ModelPass& outer)
      : pass(of_rows),
        batch(outer.batch),
        first_value(outer.first_value),
        balance_weight(outer.balance_weight),
        ropes_(outer.ropes_) {}

  Pass& pass;
  const Batch& batch;

  /// The values of the first attention layer, (rows, kv_heads · value_dim), for later ones that mix
  /// them in.
  Tensor first_value;
  /// Sets it. Without a tape what a layer computes is given back when it ends, so this copies.
  void keep_first_value(const Tensor& value);

  /// Added to the pages' and the states' layer when a shared layer is at work once more.
  std::int64_t cache_offset = 0, state_offset = 0;

  /// Weight of the experts' load-balancing loss; 0: none.
  float balance_weight = 0;
  /// Sum of that loss over layers, unweighted.
  double balance_loss = 0;

  /// Activation checkpointing: so many residuals at a time keep only their input and run again for
  /// their gradients; 0: all keep what they compute.
  std::int64_t checkpoint_residuals = 0;

  /// The table of `rope` for this batch, made when a layer first asks for it.
  const RopeTable& rope(const Rope& rope);

 private:
  struct Entry {
    const Rope* rope;
    std::unique_ptr<RopeTable> table;  ///< its address is handed out
  };
  std::shared_ptr<std::vector<Entry>> ropes_;
  std::vector<float> first_value_memory_;
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

  /// sum + f(norm(x)): in place of `sum`, or a new tensor when a tape records. The same values as
  /// forward() and an addition; layers that end in a projection add while they project.
  virtual Tensor forward_add(ModelPass& pass, const Input& input, const Tensor& sum) const;

  /// The matrices it multiplies with, some of which may be absent.
  virtual std::vector<Weight*> matrices() = 0;

  /// Prepares what depends on parameters that will not change any more.
  virtual void freeze() {}
};

/// y = after(x + post(f(before(x)))), each norm where the architecture has it.
struct Residual {
  std::optional<Norm> before;    ///< norm of the sublayer's input
  std::shared_ptr<Layer> layer;  ///< shared, because ALBERT repeats one layer
  std::optional<Norm> post;      ///< norm of the sublayer's output (Gemma)
  std::optional<Norm> after;     ///< norm of the sum (BERT)
  /// Where a shared layer keeps its pages or state this time, counted from its own.
  std::int64_t cache_offset = 0, state_offset = 0;

  /// y in place of x (rows, channels), or a new tensor when a tape records.
  Tensor apply(ModelPass& pass, const Tensor& x) const;
};

/// Packs a weight, unless it is packed already, and gives the file's pages of it back.
void prepare(Weight& weight, ThreadPool& pool);

}  // namespace jielong
