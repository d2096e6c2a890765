#include "tensor/quant/dequantize.h"

#include <fmt/format.h>

#include <cstring>

#include "base/error.h"
#include "tensor/quant/blocks.h"
#include "tensor/quant/half.h"

namespace jielong {
namespace {

void decode(const BlockQ4_0& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int i = 0; i < 16; ++i) {
    out[i] = static_cast<float>((block.qs[i] & 15) - 8) * d;
    out[i + 16] = static_cast<float>((block.qs[i] >> 4) - 8) * d;
  }
}

void decode(const BlockQ4_1& block, float* out) {
  const float d = f16_to_f32(block.d), m = f16_to_f32(block.m);
  for (int i = 0; i < 16; ++i) {
    out[i] = static_cast<float>(block.qs[i] & 15) * d + m;
    out[i + 16] = static_cast<float>(block.qs[i] >> 4) * d + m;
  }
}

/// Bit i of a 32-bit little-endian mask.
int bit(const std::uint8_t* mask, int i) { return mask[i / 8] >> (i % 8) & 1; }

void decode(const BlockQ5_0& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int i = 0; i < 16; ++i) {
    out[i] = static_cast<float>(((block.qs[i] & 15) | bit(block.qh, i) << 4) - 16) * d;
    out[i + 16] = static_cast<float>(((block.qs[i] >> 4) | bit(block.qh, i + 16) << 4) - 16) * d;
  }
}

void decode(const BlockQ5_1& block, float* out) {
  const float d = f16_to_f32(block.d), m = f16_to_f32(block.m);
  for (int i = 0; i < 16; ++i) {
    out[i] = static_cast<float>((block.qs[i] & 15) | bit(block.qh, i) << 4) * d + m;
    out[i + 16] = static_cast<float>((block.qs[i] >> 4) | bit(block.qh, i + 16) << 4) * d + m;
  }
}

void decode(const BlockQ8_0& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(block.qs[i]) * d;
}

void decode(const BlockQ2_K& block, float* out) {
  const float d = f16_to_f32(block.d), dmin = f16_to_f32(block.dmin);
  for (int s = 0; s < 16; ++s) {
    const float scale = d * static_cast<float>(block.scales[s] & 15);
    const float min = dmin * static_cast<float>(block.scales[s] >> 4);
    const std::uint8_t* qs = block.qs + s / 8 * 32 + s % 2 * 16;
    const int shift = s % 8 / 2 * 2;
    for (int i = 0; i < 16; ++i) {
      out[s * 16 + i] = scale * static_cast<float>(qs[i] >> shift & 3) - min;
    }
  }
}

void decode(const BlockQ3_K& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int s = 0; s < 16; ++s) {
    const float scale = d * static_cast<float>(q3_k_scale(block.scales, s) - 32);
    const std::uint8_t* qs = block.qs + s / 8 * 32 + s % 2 * 16;
    const std::uint8_t* high = block.hmask + s % 2 * 16;
    const int shift = s % 8 / 2 * 2;
    for (int i = 0; i < 16; ++i) {
      const int q = (qs[i] >> shift & 3) | (high[i] >> s / 2 & 1) << 2;
      out[s * 16 + i] = scale * static_cast<float>(q - 4);
    }
  }
}

void decode(const BlockQ4_K& block, float* out) {
  const float d = f16_to_f32(block.d), dmin = f16_to_f32(block.dmin);
  for (int s = 0; s < 8; ++s) {
    const ScaleMin sub = q4_k_scale(block.scales, s);
    const float scale = d * static_cast<float>(sub.scale);
    const float min = dmin * static_cast<float>(sub.min);
    const std::uint8_t* qs = block.qs + s / 2 * 32;
    const int shift = s % 2 * 4;
    for (int i = 0; i < 32; ++i) {
      out[s * 32 + i] = scale * static_cast<float>(qs[i] >> shift & 15) - min;
    }
  }
}

void decode(const BlockQ5_K& block, float* out) {
  const float d = f16_to_f32(block.d), dmin = f16_to_f32(block.dmin);
  for (int s = 0; s < 8; ++s) {
    const ScaleMin sub = q4_k_scale(block.scales, s);
    const float scale = d * static_cast<float>(sub.scale);
    const float min = dmin * static_cast<float>(sub.min);
    const std::uint8_t* qs = block.qs + s / 2 * 32;
    const int shift = s % 2 * 4;
    for (int i = 0; i < 32; ++i) {
      const int q = (qs[i] >> shift & 15) | (block.qh[i] >> s & 1) << 4;
      out[s * 32 + i] = scale * static_cast<float>(q) - min;
    }
  }
}

void decode(const BlockQ6_K& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int s = 0; s < 16; ++s) {
    const float scale = d * static_cast<float>(block.scales[s]);
    const int half = s / 8, plane = s % 8 / 2, first = s % 2 * 16;
    const std::uint8_t* low = block.ql + half * 64 + plane % 2 * 32 + first;
    const std::uint8_t* high = block.qh + half * 32 + first;
    for (int i = 0; i < 16; ++i) {
      const int q = (low[i] >> plane / 2 * 4 & 15) | (high[i] >> plane * 2 & 3) << 4;
      out[s * 16 + i] = scale * static_cast<float>(q - 32);
    }
  }
}

void decode_iq4(float d, const std::uint8_t* qs, float* out) {
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>(kIq4Values[qs[i] & 15]);
    out[i + 16] = d * static_cast<float>(kIq4Values[qs[i] >> 4]);
  }
}

void decode(const BlockIQ4_NL& block, float* out) {
  decode_iq4(f16_to_f32(block.d), block.qs, out);
}

void decode(const BlockIQ4_XS& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int s = 0; s < 8; ++s) {
    decode_iq4(d * static_cast<float>(iq4_xs_scale(block, s) - 32), block.qs + s * 16,
               out + s * 32);
  }
}

template <typename Block, int kValues>
void decode_blocks(const void* data, float* out, std::int64_t n) {
  const auto* blocks = static_cast<const Block*>(data);
  for (std::int64_t b = 0; b < n / kValues; ++b) decode(blocks[b], out + b * kValues);
}

template <typename Stored, typename Widen>
void widen_values(const void* data, float* out, std::int64_t n, Widen widen) {
  const auto* bytes = static_cast<const std::byte*>(data);
  for (std::int64_t i = 0; i < n; ++i) {
    Stored value;
    std::memcpy(&value, bytes + i * static_cast<std::int64_t>(sizeof value), sizeof value);
    out[i] = widen(value);
  }
}

template <typename Stored>
void cast_values(const void* data, float* out, std::int64_t n) {
  widen_values<Stored>(data, out, n, [](Stored value) { return static_cast<float>(value); });
}

}  // namespace

void dequantize_row(DType dtype, const void* data, float* out, std::int64_t n) {
  const DTypeInfo& format = info(dtype);
  if (n < 0 || n % format.block_elements != 0) {
    throw bad_input(fmt::format("{} values are not whole {} blocks of {}", n, format.name,
                                format.block_elements));
  }
  switch (dtype) {
    case DType::f32:
      if (n > 0) std::memcpy(out, data, static_cast<std::size_t>(n) * sizeof(float));
      return;
    case DType::f16: return widen_values<std::uint16_t>(data, out, n, f16_to_f32);
    case DType::bf16: return widen_values<std::uint16_t>(data, out, n, bf16_to_f32);
    case DType::f64: return cast_values<double>(data, out, n);
    case DType::i8: return cast_values<std::int8_t>(data, out, n);
    case DType::i16: return cast_values<std::int16_t>(data, out, n);
    case DType::i32: return cast_values<std::int32_t>(data, out, n);
    case DType::i64: return cast_values<std::int64_t>(data, out, n);
    case DType::q4_0: return decode_blocks<BlockQ4_0, kSmallBlock>(data, out, n);
    case DType::q4_1: return decode_blocks<BlockQ4_1, kSmallBlock>(data, out, n);
    case DType::q5_0: return decode_blocks<BlockQ5_0, kSmallBlock>(data, out, n);
    case DType::q5_1: return decode_blocks<BlockQ5_1, kSmallBlock>(data, out, n);
    case DType::q8_0: return decode_blocks<BlockQ8_0, kSmallBlock>(data, out, n);
    case DType::q2_k: return decode_blocks<BlockQ2_K, kSuperBlock>(data, out, n);
    case DType::q3_k: return decode_blocks<BlockQ3_K, kSuperBlock>(data, out, n);
    case DType::q4_k: return decode_blocks<BlockQ4_K, kSuperBlock>(data, out, n);
    case DType::q5_k: return decode_blocks<BlockQ5_K, kSuperBlock>(data, out, n);
    case DType::q6_k: return decode_blocks<BlockQ6_K, kSuperBlock>(data, out, n);
    case DType::iq4_nl: return decode_blocks<BlockIQ4_NL, kSmallBlock>(data, out, n);
    case DType::iq4_xs: return decode_blocks<BlockIQ4_XS, kSuperBlock>(data, out, n);
  }
}

}  // namespace jielong
