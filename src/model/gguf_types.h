#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "tensor/dtype.h"

namespace jielong {

/// GGUF's numbers for element types (ggml_type).
struct GgufType {
  std::uint32_t number;
  std::string_view name;
  std::optional<DType> dtype;  ///< nothing for formats that Jielong does not read
};

/// Nothing for a number that no format has.
const GgufType* gguf_type(std::uint32_t number);
std::uint32_t gguf_type_number(DType dtype);

inline constexpr std::string_view kGgufMagic = "GGUF";
inline constexpr std::uint64_t kGgufAlignment = 32;  ///< unless general.alignment says otherwise
inline constexpr int kGgufMaxDimensions = 4;

}  // namespace jielong
