#include "model/layers/layer.h"

#include "base/file.h"
#include "tensor/ops/add.h"

namespace jielong {

const RopeTable& ModelPass::rope(const Rope& rope) {
  for (const Entry& entry : ropes_) {
    if (entry.rope == &rope) return *entry.table;
  }
  ropes_.push_back({&rope, std::make_unique<RopeTable>(rope_table(pass, rope, batch.positions))});
  return *ropes_.back().table;
}

void Layer::forward_add(ModelPass& pass, const Input& input, const Tensor& sum) const {
  add(pass.pass, forward(pass, input), sum);
}

void Residual::apply(ModelPass& pass, const Tensor& x) const {
  const ArenaScope scope(pass.pass.arena());
  const Input input{x, before ? &*before : nullptr};
  if (post) {
    add(pass.pass, normalize(pass.pass, *post, layer->forward(pass, input)), x);
  } else {
    layer->forward_add(pass, input, x);
  }
  if (after) normalize_in_place(pass.pass, *after, x);
}

void prepare(Weight& weight, ThreadPool& pool) {
  if (!weight || !weight.packed.empty()) return;
  weight.packed = PackedMatrix::pack(weight.dtype, weight.stored, weight.out, weight.in, &pool);
  if (weight.mapped) forget_mapped(weight.stored);
}

}  // namespace jielong
