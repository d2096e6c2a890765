#include "tensor/kernels/isa/amx/int8.h"
#include "tensor/kernels/isa/amx/tiles.h"
#include "tensor/kernels/isa/avx512/transpose.h"
#include "tensor/kernels/matmul_kernels.h"
#include "tensor/kernels/matmul_layout.h"

namespace jielong::amx {

#include "tensor/kernels/matmul.inl"

#include "tensor/kernels/isa/amx/matmul_small.inl"
#include "tensor/kernels/isa/amx/matmul_super.inl"

/// From this many rows on the tiles win.
constexpr std::int64_t kTiledRows = 12;

template <typename Format>
void multiply_quantized(const MatmulTask& task) {
  if (task.row_range.size() < kTiledRows) {
    multiply_few<Format>(task);
  } else if constexpr (Format::kSuper) {
    const TileScope scope(64);
    multiply_many<SuperTileEngine<Format>>(task);
  } else {
    const TileScope scope(32);
    multiply_many<SmallTileEngine<Format>>(task);
  }
}

#include "tensor/kernels/matmul_table.inl"

}  // namespace jielong::amx
