#include "tensor/kernels/gemm_kernels.h"
#include "tensor/kernels/isa/amx/floats.h"
#include "tensor/kernels/isa/amx/tiles.h"
#include "tensor/kernels/isa/avx512/transpose.h"
#include "tensor/kernels/isa/avx512bf16/words.h"
#include "tensor/kernels/matmul_kernels.h"

namespace jielong::amx {

#include "tensor/kernels/gemm_pack.inl"

#include "tensor/kernels/gemm.inl"

#include "tensor/kernels/isa/amx/gemm_tiles.inl"

extern const GemmKernels gemm_kernels = {kernel_of<VectorEngine<FloatWords, 8, 3>>(),
                                         kernel_of<TileEngine>(multiply_tiles)};

}  // namespace jielong::amx
