#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace jielong {

/// Element formats of stored tensors. The quantized ones keep `block_elements`
/// consecutive values of a row in one block of `block_bytes`, laid out as GGUF does
/// (see tensor/quant/blocks.h).
enum class DType : std::uint8_t {
  f32,
  f16,
  bf16,
  f64,
  i8,
  i16,
  i32,
  i64,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
  iq4_nl,
  iq4_xs,
};

struct DTypeInfo {
  DType dtype;
  std::string_view name;  ///< as in GGUF tools, upper case: "Q4_K"
  int block_elements;     ///< 1 for plain types
  int block_bytes;
  bool quantized;
};

const DTypeInfo& info(DType dtype);

/// By name, upper or lower case; nothing for an unknown name.
std::optional<DType> dtype_by_name(std::string_view name);

/// Bytes of one row of `columns` values, which must be a multiple of the block.
std::size_t row_bytes(DType dtype, std::int64_t columns);

}  // namespace jielong
