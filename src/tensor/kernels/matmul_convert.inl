// Input rows to the stored row formats (RowLayout). Part of matmul.inl.

static void convert_f32(const float* x, std::int64_t in, std::byte* row) {
  __builtin_memcpy(row, x, static_cast<std::size_t>(in) * sizeof(float));
}

/// The scale of a run of values, and what the values are multiplied by. A run too small
/// for its inverse counts as zero; one that holds an infinity or no number becomes a scale
/// that is no number, so that it shows in the result.
struct RunScale {
  float scale, inverse;
};
JIELONG_KERNEL RunScale run_scale(Floats magnitude, Floats zeros) {
  const float amax = largest(magnitude);
  if (!(sum(zeros) == 0.0f)) return {__builtin_nanf(""), 0.0f};
  if (amax < 1e-34f) return {0.0f, 0.0f};
  return {amax / 127.0f, 127.0f / amax};
}

/// Rounds 16 values to int8 and returns their sum.
JIELONG_KERNEL int convert_16(Floats x, RunScale s, std::int8_t* q) {
  if (s.inverse == 0.0f) {
    __builtin_memset(q, 0, 16);
    return 0;
  }
  const Floats rounded = round(x * splat(s.inverse));
  store_i8(q, rounded);
  return static_cast<int>(sum(rounded));
}

JIELONG_KERNEL Floats load_padded(const float* x, std::int64_t left) {
  return left >= 16 ? load(x) : left > 0 ? load_first(x, left) : zero();
}

/// int8 with one scale for every 32 values.
static void convert_block32(const float* x, std::int64_t in, std::byte* row) {
  const RowLayout l = layout_block32(in);
  auto* q = reinterpret_cast<std::int8_t*>(row);
  auto* scales = reinterpret_cast<float*>(row + l.scales);
  auto* scaled_sums = reinterpret_cast<float*>(row + l.scaled_sums);
  auto* minus_8 = reinterpret_cast<std::int32_t*>(row + l.minus_8_sums);
  auto* minus_128 = reinterpret_cast<std::int32_t*>(row + l.minus_128_sums);
  for (std::int64_t i = 0; i < l.padded; i += 32) {
    const Floats a = load_padded(x + i, in - i), b = load_padded(x + i + 16, in - i - 16);
    const RunScale s = run_scale(max(abs(a), abs(b)), fma(a, zero(), b * zero()));
    const int total = convert_16(a, s, q + i) + convert_16(b, s, q + i + 16);
    scales[i / 32] = s.scale;
    scaled_sums[i / 32] = s.scale * static_cast<float>(total);
    minus_8[i / 32] = -8 * total;
    minus_128[i / 32] = -128 * total;
  }
}

/// int8 with one scale for every 256 values.
static void convert_block256(const float* x, std::int64_t in, std::byte* row) {
  const RowLayout l = layout_block256(in);
  auto* q = reinterpret_cast<std::int8_t*>(row);
  auto* scales = reinterpret_cast<float*>(row + l.scales);
  auto* sums16 = reinterpret_cast<std::int16_t*>(row + l.sums16);
  auto* sums32 = reinterpret_cast<std::int16_t*>(row + l.sums32);
  auto* minus_8 = reinterpret_cast<std::int32_t*>(row + l.minus_8_sums);
  for (std::int64_t i = 0; i < l.padded; i += 256) {
    Floats magnitude = zero(), zeros = zero();
    for (int k = 0; k < 256; k += 16) {
      const Floats a = load_padded(x + i + k, in - i - k);
      magnitude = max(magnitude, abs(a));
      zeros = fma(a, zero(), zeros);
    }
    const RunScale s = run_scale(magnitude, zeros);
    scales[i / 256] = s.scale;
    for (std::int64_t k = i; k < i + 256; k += 32) {
      const int low = convert_16(load_padded(x + k, in - k), s, q + k);
      const int high = convert_16(load_padded(x + k + 16, in - k - 16), s, q + k + 16);
      sums16[k / 16] = static_cast<std::int16_t>(low);
      sums16[k / 16 + 1] = static_cast<std::int16_t>(high);
      sums32[k / 32] = static_cast<std::int16_t>(low + high);
      minus_8[k / 32] = -8 * (low + high);
    }
  }
}
