#include "tensor/weight.h"

#include <fmt/format.h>

#include "base/error.h"
#include "tensor/quant/dequantize.h"

namespace jielong {

WeightVector WeightVector::of(std::string name, std::vector<float> values) {
  auto kept = std::make_shared<std::vector<float>>(std::move(values));
  const std::span<const float> view(*kept);
  return {std::move(name), view, std::move(kept)};
}

const float* Weight::plain() const {
  const bool is_aligned = reinterpret_cast<std::uintptr_t>(stored.data()) % alignof(float) == 0;
  if (!packed.empty() || dtype != DType::f32 || !is_aligned) return nullptr;
  return reinterpret_cast<const float*>(stored.data());
}

void Weight::row(std::int64_t index, float* values) const {
  if (index < 0 || index >= out) {
    throw bad_input(fmt::format("row {} asked for, but there are {}", index, out), name);
  }
  const std::size_t bytes = row_bytes(dtype, in);
  dequantize_row(dtype, stored.data() + static_cast<std::size_t>(index) * bytes, values, in);
}

}  // namespace jielong
