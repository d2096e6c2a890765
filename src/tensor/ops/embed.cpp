#include "tensor/ops/embed.h"

#include <vector>

#include "tensor/ops/rows.h"
#include "tensor/tape.h"
#include "tensor/vector.h"

namespace jielong {

Tensor embed(Pass& pass, const Weight& table, std::span<const std::int32_t> indices, float scale) {
  const auto rows = static_cast<std::int64_t>(indices.size());
  const Tensor y = pass.empty(rows, table.in);
  pass.pool().for_range(rows, 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      table.row(indices[static_cast<std::size_t>(i)], y.row(i));
      if (scale != 1) vectors().scale(scale, y.row(i), y.channels);
    }
  });
  if (Tape* tape = pass.tape()) {
    tape->record([&pass, &table, tape, y, scale, at = std::vector(indices.begin(), indices.end())] {
      const Tensor dy = tape->gradient(y);
      float* gradient = tape->sum(table);
      if (!dy || gradient == nullptr) return;
      scatter_rows<std::int32_t>(pass.pool(), dy, at, scale,
                                 {gradient, table.out, table.in, table.in});
    });
  }
  pass.visit(table.name, ".out", y);
  return y;
}

}  // namespace jielong
