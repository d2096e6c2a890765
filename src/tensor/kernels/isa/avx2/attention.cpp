#include "tensor/attention.h"

#include "tensor/kernels/attention_kernels.h"
#include "tensor/kernels/isa/avx2/floats.h"
#include "tensor/kernels/isa/avx2/transpose.h"
#include "tensor/kernels/sequence_attention_kernels.h"

namespace jielong::avx2 {

// Of 16 registers, two to a vector, 12 hold sums when the tile is full.
constexpr int kTileRows = 6;
constexpr int tile_vectors(int rows) { return rows == 1 ? 4 : rows <= 3 ? 2 : 1; }

// Each needs those before it.
// clang-format off
#include "tensor/kernels/math.inl"
#include "tensor/kernels/rows.inl"
#include "tensor/kernels/attention_tile.inl"
#include "tensor/kernels/kv_page.inl"
#include "tensor/kernels/attention.inl"
#include "tensor/kernels/sequence_attention.inl"
// clang-format on

}  // namespace jielong::avx2
