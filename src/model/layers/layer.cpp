#include "model/layers/layer.h"

#include <algorithm>

#include "base/file.h"
#include "tensor/ops/add.h"

namespace jielong {

const RopeTable& ModelPass::rope(const Rope& rope) {
  for (const Entry& entry : *ropes_) {
    if (entry.rope == &rope) return *entry.table;
  }
  ropes_->push_back({&rope, std::make_unique<RopeTable>(rope_table(pass, rope, batch.positions))});
  return *ropes_->back().table;
}

void ModelPass::keep_first_value(const Tensor& value) {
  first_value = value;
  if (pass.tape() != nullptr) return;
  first_value_memory_.resize(static_cast<std::size_t>(value.rows * value.channels));
  first_value = {first_value_memory_.data(), value.rows, value.channels, value.channels};
  for (std::int64_t i = 0; i < value.rows; ++i) {
    std::copy_n(value.row(i), value.channels, first_value.row(i));
  }
}

Tensor Layer::forward_add(ModelPass& pass, const Input& input, const Tensor& sum) const {
  return add(pass.pass, forward(pass, input), sum);
}

Tensor Residual::apply(ModelPass& pass, const Tensor& x) const {
  const PassScope scope(pass.pass);
  const Input input{x, before ? &*before : nullptr};
  pass.cache_offset = cache_offset;
  pass.state_offset = state_offset;
  Tensor y;
  if (post) {
    y = add(pass.pass, normalize(pass.pass, *post, layer->forward(pass, input)), x);
  } else {
    y = layer->forward_add(pass, input, x);
  }
  return after ? normalize_in_place(pass.pass, *after, y) : y;
}

void prepare(Weight& weight, ThreadPool& pool) {
  if (!weight || !weight.packed.empty()) return;
  weight.packed = PackedMatrix::pack(weight.dtype, weight.stored, weight.out, weight.in, &pool);
  if (weight.mapped) forget_mapped(weight.stored);
}

}  // namespace jielong
