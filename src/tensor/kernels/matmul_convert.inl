// Input rows to the stored row formats (RowLayout). Part of matmul.inl.

static void convert_f32(const float* x, std::int64_t in, std::byte* row) {
  __builtin_memcpy(row, x, static_cast<std::size_t>(in) * sizeof(float));
}

/// The scale of a run of values, and what the values are multiplied by. A run too small
/// for its inverse counts as zero.
struct RunScale {
  float scale, inverse;
};
JIELONG_KERNEL RunScale run_scale(Floats magnitude) {
  const float amax = largest(magnitude);
  if (!(amax >= 1e-34f)) return {0.0f, 0.0f};
  return {amax / 127.0f, 127.0f / amax};
}

/// Rounds 16 values to int8 and returns them, rounded.
JIELONG_KERNEL Floats convert_16(Floats x, float inverse, std::int8_t* q) {
  const Floats rounded = round(x * splat(inverse));
  store_i8(q, rounded);
  return rounded;
}

JIELONG_KERNEL Floats load_padded(const float* x, std::int64_t left) {
  return left >= 16 ? load(x) : left > 0 ? load_first(x, left) : zero();
}

/// Whether 256 values from x, of which `left` exist, are all finite numbers.
JIELONG_KERNEL bool all_finite(const float* x, std::int64_t left) {
  Floats zeros = zero();
  for (int k = 0; k < 256; k += 16) zeros = fma(load_padded(x + k, left - k), zero(), zeros);
  return sum(zeros) == 0.0f;
}

/// int8 with one scale for every 32 values. Where a value is infinite or no number, the
/// scales of its 256 are no number, so that it shows in the result.
static void convert_block32(const float* x, std::int64_t in, std::byte* row) {
  const RowLayout l = layout_block32(in);
  auto* q = reinterpret_cast<std::int8_t*>(row);
  auto* scales = reinterpret_cast<float*>(row + l.scales);
  auto* scaled_sums = reinterpret_cast<float*>(row + l.scaled_sums);
  auto* minus_8 = reinterpret_cast<std::int32_t*>(row + l.minus_8_sums);
  auto* minus_128 = reinterpret_cast<std::int32_t*>(row + l.minus_128_sums);
  for (std::int64_t first = 0; first < l.padded; first += 256) {
    const std::int64_t end = first + 256 < l.padded ? first + 256 : l.padded;
    const bool finite = all_finite(x + first, in - first);
    for (std::int64_t i = first; i < end; i += 32) {
      if (!finite) {
        __builtin_memset(q + i, 0, 32);
        scales[i / 32] = scaled_sums[i / 32] = __builtin_nanf("");
        minus_8[i / 32] = minus_128[i / 32] = 0;
        continue;
      }
      const Floats a = load_padded(x + i, in - i), b = load_padded(x + i + 16, in - i - 16);
      const RunScale s = run_scale(max(abs(a), abs(b)));
      const int total = static_cast<int>(
          sum(convert_16(a, s.inverse, q + i) + convert_16(b, s.inverse, q + i + 16)));
      scales[i / 32] = s.scale;
      scaled_sums[i / 32] = s.scale * static_cast<float>(total);
      minus_8[i / 32] = -8 * total;
      minus_128[i / 32] = -128 * total;
    }
  }
}

/// int8 with one scale for every 256 values; the same for what is not finite.
static void convert_block256(const float* x, std::int64_t in, std::byte* row) {
  const RowLayout l = layout_block256(in);
  auto* q = reinterpret_cast<std::int8_t*>(row);
  auto* scales = reinterpret_cast<float*>(row + l.scales);
  auto* sums16 = reinterpret_cast<std::int16_t*>(row + l.sums16);
  auto* sums32 = reinterpret_cast<std::int16_t*>(row + l.sums32);
  auto* minus_8 = reinterpret_cast<std::int32_t*>(row + l.minus_8_sums);
  for (std::int64_t i = 0; i < l.padded; i += 256) {
    Floats magnitude = zero();
    for (int k = 0; k < 256; k += 16) {
      magnitude = max(magnitude, abs(load_padded(x + i + k, in - i - k)));
    }
    const bool finite = all_finite(x + i, in - i);
    const RunScale s = finite ? run_scale(magnitude) : RunScale{__builtin_nanf(""), 0.0f};
    scales[i / 256] = s.scale;
    for (std::int64_t k = i; k < i + 256; k += 32) {
      int low = 0, high = 0;
      if (finite) {
        low = static_cast<int>(sum(convert_16(load_padded(x + k, in - k), s.inverse, q + k)));
        high = static_cast<int>(
            sum(convert_16(load_padded(x + k + 16, in - k - 16), s.inverse, q + k + 16)));
      } else {
        __builtin_memset(q + k, 0, 32);
      }
      sums16[k / 16] = static_cast<std::int16_t>(low);
      sums16[k / 16 + 1] = static_cast<std::int16_t>(high);
      sums32[k / 32] = static_cast<std::int16_t>(low + high);
      minus_8[k / 32] = -8 * (low + high);
    }
  }
}
