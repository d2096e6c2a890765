#include "model/model_memory.h"

#include <set>

#include "model/layers/attention.h"
#include "model/layers/feed_forward.h"
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

std::uint64_t bytes_of(const Linear& linear) { return bytes_of(linear.weight); }

std::uint64_t bytes_of(const GatedFeedForward& layer) {
  return bytes_of(layer.gate) + bytes_of(layer.up) + bytes_of(layer.down);
}

std::uint64_t bytes_of(const Layer& layer) {
  if (const auto* attention = dynamic_cast<const Attention*>(&layer)) {
    return bytes_of(attention->query) + bytes_of(attention->key) + bytes_of(attention->value) +
           bytes_of(attention->output);
  }
  if (const auto* gated = dynamic_cast<const GatedFeedForward*>(&layer)) return bytes_of(*gated);
  if (const auto* plain = dynamic_cast<const FeedForward*>(&layer)) {
    return bytes_of(plain->up) + bytes_of(plain->down);
  }
  std::uint64_t bytes = 0;
  if (const auto* experts = dynamic_cast<const Experts*>(&layer)) {
    bytes += bytes_of(experts->router);
    for (const GatedFeedForward& expert : experts->experts) bytes += bytes_of(expert);
  }
  return bytes;
}

}  // namespace

std::uint64_t prepared_bytes(const Model& model) {
  const Stack& stack = model.stack();
  std::uint64_t bytes = bytes_of(stack.head);
  for (const Weight* table : {&stack.tokens, &stack.positions, &stack.segments}) {
    if (*table && !table->mapped) bytes += table->stored.size();
  }
  std::set<const Layer*> seen;  // ALBERT repeats one
  for (const Residual& residual : stack.residuals) {
    if (seen.insert(residual.layer.get()).second) bytes += bytes_of(*residual.layer);
  }
  return bytes;
}

}  // namespace jielong
