#include "tensor/attention.h"

#include "tensor/kernels/attention_kernels.h"
#include "tensor/kernels/isa/avx512/floats.h"
#include "tensor/kernels/isa/avx512/transpose.h"
#include "tensor/kernels/sequence_attention_kernels.h"

namespace jielong::avx512 {

// 24 of the 32 registers hold sums, 4 the page, 1 the broadcast query.
constexpr int kTileRows = 6;
constexpr int tile_vectors(int) { return 4; }

// Each needs those before it.
// clang-format off
#include "tensor/kernels/math.inl"
#include "tensor/kernels/rows.inl"
#include "tensor/kernels/attention_tile.inl"
#include "tensor/kernels/kv_page.inl"
#include "tensor/kernels/attention.inl"
#include "tensor/kernels/sequence_attention.inl"
// clang-format on

}  // namespace jielong::avx512
