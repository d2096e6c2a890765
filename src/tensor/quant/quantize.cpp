#include "tensor/quant/quantize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "tensor/quant/encode.h"
#include "tensor/quant/half.h"

namespace jielong {
namespace quant {
namespace {

template <typename Block, int kBlockValues>
void encode_row(const float* x, void* out, std::int64_t n) {
  auto* blocks = static_cast<Block*>(out);
  for (std::int64_t b = 0; b < n / kBlockValues; ++b) encode(x + b * kBlockValues, blocks[b]);
}

void check_finite(const float* x, std::int64_t n, std::string_view format) {
  // Any infinity or not-a-number makes the sum of x·0 not-a-number.
  float sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += x[i] * 0.0f;
  if (sum == 0) return;
  const auto bad = std::find_if(x, x + n, [](float v) { return !std::isfinite(v); });
  throw bad_input(
      fmt::format("value {} of a row is {} and cannot be stored as {}", bad - x, *bad, format), {},
      "the weights are damaged; get them again");
}

template <typename Narrow>
void narrow(const float* x, void* out, std::int64_t n, Narrow to_half) {
  auto* bytes = static_cast<std::byte*>(out);
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint16_t half = to_half(x[i]);
    std::memcpy(bytes + i * 2, &half, sizeof half);
  }
}

}  // namespace
}  // namespace quant

void quantize_row(DType dtype, const float* x, void* out, std::int64_t n) {
  using namespace quant;
  const DTypeInfo& format = info(dtype);
  if (n < 0 || n % format.block_elements != 0) {
    throw bad_input(fmt::format("{} values are not whole {} blocks of {}", n, format.name,
                                format.block_elements));
  }
  if (n == 0) return;
  if (format.quantized) check_finite(x, n, format.name);
  switch (dtype) {
    case DType::f32: std::memcpy(out, x, static_cast<std::size_t>(n) * sizeof(float)); return;
    case DType::f16: return narrow(x, out, n, f32_to_f16);
    case DType::bf16: return narrow(x, out, n, f32_to_bf16);
    case DType::q4_0: return encode_row<BlockQ4_0, kSmallBlock>(x, out, n);
    case DType::q4_1: return encode_row<BlockQ4_1, kSmallBlock>(x, out, n);
    case DType::q5_0: return encode_row<BlockQ5_0, kSmallBlock>(x, out, n);
    case DType::q5_1: return encode_row<BlockQ5_1, kSmallBlock>(x, out, n);
    case DType::q8_0: return encode_row<BlockQ8_0, kSmallBlock>(x, out, n);
    case DType::q2_k: return encode_row<BlockQ2_K, kSuperBlock>(x, out, n);
    case DType::q3_k: return encode_row<BlockQ3_K, kSuperBlock>(x, out, n);
    case DType::q4_k: return encode_row<BlockQ4_K, kSuperBlock>(x, out, n);
    case DType::q5_k: return encode_row<BlockQ5_K, kSuperBlock>(x, out, n);
    case DType::q6_k: return encode_row<BlockQ6_K, kSuperBlock>(x, out, n);
    case DType::iq4_nl: return encode_row<BlockIQ4_NL, kSmallBlock>(x, out, n);
    case DType::iq4_xs: return encode_row<BlockIQ4_XS, kSuperBlock>(x, out, n);
    case DType::f64:
    case DType::i8:
    case DType::i16:
    case DType::i32:
    case DType::i64: break;
  }
  throw Error(ErrorKind::unsupported, fmt::format("cannot convert values to {}", format.name));
}

void quantize_rows(DType dtype, const float* x, std::byte* out, std::int64_t rows,
                   std::int64_t columns, ThreadPool* pool) {
  const std::size_t bytes = row_bytes(dtype, columns);
  const auto convert = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      quantize_row(dtype, x + row * columns, out + static_cast<std::size_t>(row) * bytes, columns);
    }
  };
  if (pool == nullptr) return convert(0, rows);
  pool->for_range(rows, 1, convert);
}

}  // namespace jielong
