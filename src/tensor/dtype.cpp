#include "tensor/dtype.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace jielong {
namespace {

constexpr std::array kInfos = {
    DTypeInfo{DType::f32, "F32", 1, 4, false},
    DTypeInfo{DType::f16, "F16", 1, 2, false},
    DTypeInfo{DType::bf16, "BF16", 1, 2, false},
    DTypeInfo{DType::f64, "F64", 1, 8, false},
    DTypeInfo{DType::i8, "I8", 1, 1, false},
    DTypeInfo{DType::i16, "I16", 1, 2, false},
    DTypeInfo{DType::i32, "I32", 1, 4, false},
    DTypeInfo{DType::i64, "I64", 1, 8, false},
    DTypeInfo{DType::q4_0, "Q4_0", 32, 18, true},
    DTypeInfo{DType::q4_1, "Q4_1", 32, 20, true},
    DTypeInfo{DType::q5_0, "Q5_0", 32, 22, true},
    DTypeInfo{DType::q5_1, "Q5_1", 32, 24, true},
    DTypeInfo{DType::q8_0, "Q8_0", 32, 34, true},
    DTypeInfo{DType::q2_k, "Q2_K", 256, 84, true},
    DTypeInfo{DType::q3_k, "Q3_K", 256, 110, true},
    DTypeInfo{DType::q4_k, "Q4_K", 256, 144, true},
    DTypeInfo{DType::q5_k, "Q5_K", 256, 176, true},
    DTypeInfo{DType::q6_k, "Q6_K", 256, 210, true},
    DTypeInfo{DType::iq4_nl, "IQ4_NL", 32, 18, true},
    DTypeInfo{DType::iq4_xs, "IQ4_XS", 256, 136, true},
};

constexpr bool in_enum_order() {
  for (std::size_t i = 0; i < kInfos.size(); ++i) {
    if (static_cast<std::size_t>(kInfos[i].dtype) != i) return false;
  }
  return true;
}
static_assert(in_enum_order());

}  // namespace

const DTypeInfo& info(DType dtype) { return kInfos[static_cast<std::size_t>(dtype)]; }

std::optional<DType> dtype_by_name(std::string_view name) {
  for (const auto& entry : kInfos) {
    if (std::equal(name.begin(), name.end(), entry.name.begin(), entry.name.end(),
                   [](unsigned char a, unsigned char b) { return std::toupper(a) == b; })) {
      return entry.dtype;
    }
  }
  return std::nullopt;
}

std::size_t row_bytes(DType dtype, std::int64_t columns) {
  const DTypeInfo& entry = info(dtype);
  return static_cast<std::size_t>(columns / entry.block_elements) *
         static_cast<std::size_t>(entry.block_bytes);
}

}  // namespace jielong
