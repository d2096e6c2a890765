#include "tensor/weight.h"

#include <fmt/format.h>

#include "base/error.h"
#include "tensor/quant/dequantize.h"

namespace jielong {

void Weight::row(std::int64_t index, float* values) const {
  if (index < 0 || index >= out) {
    throw bad_input(fmt::format("row {} asked for, but there are {}", index, out), name);
  }
  const std::size_t bytes = row_bytes(dtype, in);
  dequantize_row(dtype, stored.data() + static_cast<std::size_t>(index) * bytes, values, in);
}

}  // namespace jielong
