#pragma once

#include <cstddef>
#include <cstdint>

#include "base/thread_pool.h"
#include "tensor/dtype.h"

namespace jielong {

/// Stores n consecutive f32 values of a row in another format: f32, f16, bf16 or any
/// quantized one. Quantized blocks equal those of the reference quantizer (ggml, plain
/// build without fused multiply-add and without an importance matrix) bit for bit, for
/// values whose scales fit binary16.
/// @param x    (n)
/// @param out  row_bytes(dtype, n) bytes, any alignment
/// Throws Error(bad_input) when n cuts a block, or names the first value that is not finite
/// (quantized formats only); Error(unsupported) for integer formats and f64.
void quantize_row(DType dtype, const float* x, void* out, std::int64_t n);

/// The same for `rows` rows of `columns` values each, spread over the pool when given.
void quantize_rows(DType dtype, const float* x, std::byte* out, std::int64_t rows,
                   std::int64_t columns, ThreadPool* pool = nullptr);

}  // namespace jielong
