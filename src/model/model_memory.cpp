#include "model/model_memory.h"

#include <set>

#include "tensor/matmul_pack.h"

namespace jielong {
namespace {

std::uint64_t bytes_of(const Weight& weight) {
  if (!weight) return 0;
  if (!weight.packed.empty()) return weight.packed.bytes();
  const PanelFormat format = panel_format(weight.dtype);
  if (format.pack == nullptr) return 0;  // prepare() will refuse it
  const auto units = [](std::int64_t count, std::int64_t unit) {
    return static_cast<std::uint64_t>((count + unit - 1) / unit);
  };
  return units(weight.out, PackedMatrix::kPanel) * units(weight.in, format.step) * format.bytes;
}

}  // namespace

std::uint64_t prepared_bytes(const Model& model) {
  const Stack& stack = model.stack();
  std::uint64_t bytes = bytes_of(stack.head.weight);
  for (const Weight* table : {&stack.tokens, &stack.positions, &stack.segments}) {
    if (*table && !table->mapped) bytes += table->stored.size();
  }
  std::set<const Layer*> seen;  // ALBERT repeats one
  for (const Residual& residual : stack.residuals) {
    if (!seen.insert(residual.layer.get()).second) continue;
    for (const Weight* matrix : residual.layer->matrices()) bytes += bytes_of(*matrix);
  }
  return bytes;
}

}  // namespace jielong
