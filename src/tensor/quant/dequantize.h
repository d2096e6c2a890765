#pragma once

#include <cstdint>

#include "tensor/dtype.h"

namespace jielong {

/// Widens n consecutive stored values of a row to f32.
/// @param data  n values in format `dtype`; any alignment
/// @param out   (n)
/// @param n     a multiple of the format's block
/// One scale times one integer a value, rounded in the order of the reference
/// implementation (ggml), so results are equal to its bit for bit.
/// Throws Error(bad_input) when n cuts a block.
void dequantize_row(DType dtype, const void* data, float* out, std::int64_t n);

}  // namespace jielong
