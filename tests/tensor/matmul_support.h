#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/random.h"
#include "tensor/dtype.h"
#include "tensor/isa.h"
#include "tensor/kernels/matmul_layout.h"
#include "tensor/matmul.h"
#include "tensor/quant/blocks.h"
#include "tensor/quant/dequantize.h"
#include "tensor/quant/half.h"

namespace jielong::test {

inline const std::vector<DType>& multiplied_formats() {
  static const std::vector<DType> formats = {DType::f32,  DType::f16,    DType::bf16,  DType::q4_0,
                                             DType::q4_1, DType::q5_0,   DType::q5_1,  DType::q8_0,
                                             DType::q2_k, DType::q3_k,   DType::q4_k,  DType::q5_k,
                                             DType::q6_k, DType::iq4_nl, DType::iq4_xs};
  return formats;
}

inline std::vector<Isa> runnable_isas() {
  std::vector<Isa> result;
  for (const Isa isa : compiled_isas()) {
    if (can_run(isa)) result.push_back(isa);
  }
  return result;
}

/// Sets an instruction set for one scope.
class ScopedIsa {
 public:
  explicit ScopedIsa(Isa isa) : before_(active_isa()) { set_active_isa(isa); }
  ~ScopedIsa() { set_active_isa(before_); }
  ScopedIsa(const ScopedIsa&) = delete;
  ScopedIsa& operator=(const ScopedIsa&) = delete;

 private:
  Isa before_;
};

inline std::vector<float> random_floats(Rng& rng, std::int64_t n, double spread = 1.0) {
  std::vector<float> values(static_cast<std::size_t>(n));
  for (auto& v : values) v = static_cast<float>((2 * rng.uniform() - 1) * spread);
  return values;
}

/// Where the binary16 fields of a block lie, so that they can be given sane values.
inline std::vector<int> half_fields(DType dtype) {
  switch (dtype) {
    case DType::q4_1:
    case DType::q5_1:
    case DType::q4_k:
    case DType::q5_k: return {0, 2};
    case DType::q2_k: return {80, 82};
    case DType::q3_k: return {108};
    case DType::q6_k: return {208};
    default: return {0};
  }
}

/// (out, in) weights with every bit pattern that their format allows.
inline std::vector<std::byte> random_weights(Rng& rng, DType dtype, std::int64_t out,
                                             std::int64_t in) {
  std::vector<std::byte> data(static_cast<std::size_t>(out) * row_bytes(dtype, in));
  if (!info(dtype).quantized) {
    for (std::int64_t i = 0; i < out * in; ++i) {
      const auto value = static_cast<float>(2 * rng.uniform() - 1);
      const std::uint16_t half = dtype == DType::f16 ? f32_to_f16(value) : f32_to_bf16(value);
      if (dtype == DType::f32) {
        std::memcpy(&data[static_cast<std::size_t>(4 * i)], &value, 4);
      } else {
        std::memcpy(&data[static_cast<std::size_t>(2 * i)], &half, 2);
      }
    }
    return data;
  }
  for (auto& b : data) b = static_cast<std::byte>(rng() >> 56);
  const auto block = static_cast<std::size_t>(info(dtype).block_bytes);
  for (std::size_t at = 0; at < data.size(); at += block) {
    for (const int field : half_fields(dtype)) {
      const std::uint16_t half = f32_to_f16(static_cast<float>((2 * rng.uniform() - 1) * 0.1));
      std::memcpy(&data[at + static_cast<std::size_t>(field)], &half, 2);
    }
  }
  return data;
}

/// The values a row buffer holds, as f64, (in).
inline std::vector<double> stored_row(const RowBuffer& rows, std::int64_t t) {
  std::vector<double> values(static_cast<std::size_t>(rows.in()));
  const std::byte* row = rows.row(t);
  if (rows.format() == RowFormat::f32) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      float v;
      std::memcpy(&v, row + 4 * i, 4);
      values[i] = v;
    }
    return values;
  }
  const bool small = rows.format() == RowFormat::q8_block32;
  const RowLayout layout = small ? layout_block32(rows.in()) : layout_block256(rows.in());
  const std::size_t block = small ? 32 : 256;
  for (std::size_t i = 0; i < values.size(); ++i) {
    float scale;
    std::memcpy(&scale, row + layout.scales + i / block * 4, 4);
    values[i] = static_cast<double>(scale) * static_cast<std::int8_t>(row[i]);
  }
  return values;
}

/// The naive twin: Σ_k x[k] · w[n, k] in f64, and Σ |x[k] · w[n, k]|, which errors scale with.
struct NaiveSum {
  double value = 0, magnitude = 0;
};
inline NaiveSum naive_dot(const std::vector<double>& x, const float* w) {
  NaiveSum sum;
  for (std::size_t k = 0; k < x.size(); ++k) {
    sum.value += x[k] * w[k];
    sum.magnitude += std::abs(x[k] * w[k]);
  }
  return sum;
}

}  // namespace jielong::test
