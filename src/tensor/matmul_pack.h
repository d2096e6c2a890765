#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace jielong {

/// The rows of one panel as they lie in the file.
struct PanelSource {
  const std::byte* rows;  ///< (outputs, row_bytes)
  std::size_t row_bytes;
  int outputs;  ///< 1 … 16; the panel's other outputs become zero
  std::int64_t in;
  bool biased;  ///< see MatmulKernels::biased
};

struct PanelFormat {
  int step;           ///< values of k in one step
  std::size_t bytes;  ///< of one step
  /// Fills one panel, every byte of it (tensor/kernels/matmul_layout.h).
  void (*pack)(const PanelSource& source, std::byte* panel);
};

/// How `dtype` is packed; a null `pack` where it cannot be multiplied.
PanelFormat panel_format(DType dtype);

}  // namespace jielong
