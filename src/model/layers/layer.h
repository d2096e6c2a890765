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

/// One pass of a batch through a model: the pass and what depends on the rows' places.
class ModelPass {
 public:
  ModelPass(Pass& of_rows, const Batch& rows) : pass(of_rows), batch(rows) {}

  Pass& pass;
  const Batch& batch;

  /// The table of `rope` for this batch, made when a layer first asks for it.
  const RopeTable& rope(const Rope& rope);

 private:
  struct Entry {
    const Rope* rope;
    std::unique_ptr<RopeTable> table;  ///< its address is handed out
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

  /// The matrices it multiplies with, some of which may be absent.
  virtual std::vector<Weight*> matrices() = 0;
};

/// y = after(x + post(f(before(x)))), each norm where the architecture has it.
struct Residual {
  std::optional<Norm> before;    ///< norm of the sublayer's input
  std::shared_ptr<Layer> layer;  ///< shared, because ALBERT repeats one layer
  std::optional<Norm> post;      ///< norm of the sublayer's output (Gemma)
  std::optional<Norm> after;     ///< norm of the sum (BERT)

  /// Updates x (rows, channels) in place.
  void apply(ModelPass& pass, const Tensor& x) const;
};

/// Packs a weight, unless it is packed already, and gives the file's pages of it back.
void prepare(Weight& weight, ThreadPool& pool);

}  // namespace jielong
