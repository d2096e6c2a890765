// How every packed format is taken apart in registers. Part of matmul.inl.

/// What the dot products of a block start from, to take the weights' offset off.
enum class Start { zero, minus_8, minus_16, minus_128 };

template <Start start>
JIELONG_KERNEL Ints start_of(const Rows& x, int r, std::int64_t block) {
  if constexpr (start == Start::minus_8) return splat_int(x.minus_8_sums(r)[block]);
  if constexpr (start == Start::minus_16) return splat_int(2 * x.minus_8_sums(r)[block]);
  if constexpr (start == Start::minus_128) return splat_int(x.minus_128_sums(r)[block]);
  return zero_ints();
}

JIELONG_KERNEL Bytes low_nibbles(Bytes x) { return x & bytes(0x0f); }
JIELONG_KERNEL Bytes high_nibbles(Bytes x) { return shift_right<4>(x) & bytes(0x0f); }

/// The bits of `slices` that bit `from` … of every byte names, moved to bit `to`.
template <int from, int to, int mask>
JIELONG_KERNEL Bytes move_bits(Bytes slices) {
  constexpr int m = mask << to;
  if constexpr (from > to) return shift_right<from - to>(slices) & bytes(m);
  if constexpr (from < to) return shift_left<to - from>(slices) & bytes(m);
  return slices & bytes(m);
}

/// kIq4Values plus 128, or as they are, by what dot_full wants.
alignas(16) constexpr std::uint8_t kIq4Table[2][16] = {
    {129, 152, 173, 191, 207, 221, 234, 246, 1, 13, 25, 38, 53, 69, 89, 113},
    {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241}};

// 32-value formats: unpack<g>() gives group g of the two blocks of a step.

struct FormatQ4_0 : panel::Q4_0 {
  static constexpr Start kStart = Start::minus_8;
  static constexpr bool kFull = false, kHasMins = false, kSuper = false;
  template <int g>
  static JIELONG_KERNEL_MEMBER void unpack(const std::uint8_t* w, Bytes& low, Bytes& high) {
    const Bytes x = load_bytes(w + 64 * g);
    low = low_nibbles(x);
    high = high_nibbles(x);
  }
};

struct FormatQ4_1 : panel::Q4_1 {
  static constexpr Start kStart = Start::zero;
  static constexpr bool kFull = false, kHasMins = true, kSuper = false;
  template <int g>
  static JIELONG_KERNEL_MEMBER void unpack(const std::uint8_t* w, Bytes& low, Bytes& high) {
    FormatQ4_0::unpack<g>(w, low, high);
  }
};

/// Nibbles at w with their fifth bits at `bits`.
template <int g>
JIELONG_KERNEL void unpack_five(const std::uint8_t* w, const std::uint8_t* bits, Bytes& low,
                                Bytes& high) {
  const Bytes x = load_bytes(w + 64 * g);
  low = low_nibbles(x) | move_bits<g, 4, 1>(load_bytes(bits));
  high = high_nibbles(x) | move_bits<g, 4, 1>(load_bytes(bits + 64));
}

struct FormatQ5_0 : panel::Q5_0 {
  static constexpr Start kStart = Start::minus_16;
  static constexpr bool kFull = false, kHasMins = false, kSuper = false;
  template <int g>
  static JIELONG_KERNEL_MEMBER void unpack(const std::uint8_t* w, Bytes& low, Bytes& high) {
    unpack_five<g>(w, w + kHigh, low, high);
  }
};

struct FormatQ5_1 : panel::Q5_1 {
  static constexpr Start kStart = Start::zero;
  static constexpr bool kFull = false, kHasMins = true, kSuper = false;
  template <int g>
  static JIELONG_KERNEL_MEMBER void unpack(const std::uint8_t* w, Bytes& low, Bytes& high) {
    unpack_five<g>(w, w + kHigh, low, high);
  }
};

struct FormatQ8_0 : panel::Q8_0 {
  static constexpr Start kStart = kBiased ? Start::minus_128 : Start::zero;
  static constexpr bool kFull = true, kHasMins = false, kSuper = false;
  template <int g>
  static JIELONG_KERNEL_MEMBER void unpack(const std::uint8_t* w, Bytes& low, Bytes& high) {
    low = load_bytes(w + 64 * g);
    high = load_bytes(w + 64 * (g + 8));
  }
};

struct FormatIQ4_NL : panel::IQ4_NL {
  static constexpr Start kStart = kBiased ? Start::minus_128 : Start::zero;
  static constexpr bool kFull = true, kHasMins = false, kSuper = false;
  template <int g>
  static JIELONG_KERNEL_MEMBER void unpack(const std::uint8_t* w, Bytes& low, Bytes& high) {
    const Bytes x = load_bytes(w + 64 * g);
    low = lookup(low_nibbles(x), kIq4Table[kBiased]);
    high = lookup(high_nibbles(x), kIq4Table[kBiased]);
  }
};

// K formats: unpack<g>() gives groups g and g + 8 of a pair. kBlock is the size of a sub-block.
// kStart and kCorrection: a block's dot products start there, and kCorrection · Σ scale·Σx is added
// for every 256 values. scales(step, i) and mins(step, i) are those of sub-blocks 2i and 2i + 1.

struct FormatQ4_K : panel::Q4_K {
  // Centred on 8, the dot products of 32 values fit 16 bits.
  static constexpr Start kStart = Start::minus_8;
  static constexpr int kBlock = 32, kCorrection = 8;
  static constexpr bool kFull = false, kHasMins = true, kSuper = true, kSmall = true,
                        kSlices = false;
  template <int g>
  static JIELONG_KERNEL_MEMBER void unpack(const std::uint8_t* w, int pair, Bytes& low,
                                           Bytes& high) {
    const Bytes x = load_bytes(w + panel::kPairNibbles * pair + 64 * g);
    low = low_nibbles(x);
    high = high_nibbles(x);
  }
  static JIELONG_KERNEL_MEMBER Words scales(const std::uint8_t* w, int i) {
    return widen_unsigned(w + kScales + 32 * i);
  }
  static JIELONG_KERNEL_MEMBER Words mins(const std::uint8_t* w, int i) {
    return widen_unsigned(w + kMins + 32 * i);
  }
  static JIELONG_KERNEL_MEMBER Floats d(const std::uint8_t* w) {
    return load_f16(reinterpret_cast<const std::uint16_t*>(w + kD));
  }
  static JIELONG_KERNEL_MEMBER Floats dmin(const std::uint8_t* w) {
    return load_f16(reinterpret_cast<const std::uint16_t*>(w + kDMin));
  }
};

struct FormatQ5_K : panel::Q5_K {
  static constexpr Start kStart = Start::zero;
  static constexpr int kBlock = 32, kCorrection = 0;
  static constexpr bool kFull = false, kHasMins = true, kSuper = true, kSmall = false,
                        kSlices = false;
  template <int g>
  static JIELONG_KERNEL_MEMBER void unpack(const std::uint8_t* w, int pair, Bytes& low,
                                           Bytes& high) {
    unpack_five<g>(w + panel::kPairNibbles * pair, w + kHigh + panel::kPairBits * pair, low, high);
  }
  static JIELONG_KERNEL_MEMBER Words scales(const std::uint8_t* w, int i) {
    return widen_unsigned(w + kScales + 32 * i);
  }
  static JIELONG_KERNEL_MEMBER Words mins(const std::uint8_t* w, int i) {
    return widen_unsigned(w + kMins + 32 * i);
  }
  static JIELONG_KERNEL_MEMBER Floats d(const std::uint8_t* w) {
    return load_f16(reinterpret_cast<const std::uint16_t*>(w + kD));
  }
  static JIELONG_KERNEL_MEMBER Floats dmin(const std::uint8_t* w) {
    return load_f16(reinterpret_cast<const std::uint16_t*>(w + kDMin));
  }
};

struct FormatQ6_K : panel::Q6_K {
  static constexpr Start kStart = Start::zero;
  static constexpr int kBlock = 16, kCorrection = -32;
  static constexpr bool kFull = false, kHasMins = false, kSuper = true, kSmall = false,
                        kSlices = false;
  template <int g>
  static JIELONG_KERNEL_MEMBER void unpack(const std::uint8_t* w, int pair, Bytes& low,
                                           Bytes& high) {
    const Bytes x = load_bytes(w + panel::kPairNibbles * pair + 64 * g);
    const Bytes y = load_bytes(w + kHigh + panel::kPairTwoBits * pair + 64 * (g % 4));
    low = low_nibbles(x) | move_bits<g / 4 * 4, 4, 3>(y);
    high = high_nibbles(x) | move_bits<g / 4 * 4 + 2, 4, 3>(y);
  }
  static JIELONG_KERNEL_MEMBER Words scales(const std::uint8_t* w, int i) {
    return widen_signed(w + kScales + 32 * i);
  }
  static JIELONG_KERNEL_MEMBER Floats d(const std::uint8_t* w) {
    return load(reinterpret_cast<const float*>(w + kD));
  }
};

struct FormatIQ4_XS : panel::IQ4_XS {
  static constexpr Start kStart = Start::zero;
  static constexpr int kBlock = 32, kCorrection = kBiased ? -128 : 0;
  static constexpr bool kFull = true, kHasMins = false, kSuper = true, kSmall = false,
                        kSlices = false;
  template <int g>
  static JIELONG_KERNEL_MEMBER void unpack(const std::uint8_t* w, int pair, Bytes& low,
                                           Bytes& high) {
    const Bytes x = load_bytes(w + panel::kPairNibbles * pair + 64 * g);
    low = lookup(low_nibbles(x), kIq4Table[kBiased]);
    high = lookup(high_nibbles(x), kIq4Table[kBiased]);
  }
  static JIELONG_KERNEL_MEMBER Words scales(const std::uint8_t* w, int i) {
    return widen_signed(w + kScales + 32 * i);
  }
  static JIELONG_KERNEL_MEMBER Floats d(const std::uint8_t* w) {
    return load(reinterpret_cast<const float*>(w + kD));
  }
};

// Two-bit formats: unpack_slices<v>() gives groups v, v + 4, v + 8, v + 12 of a pair.

struct FormatQ2_K : panel::Q2_K {
  static constexpr Start kStart = Start::zero;
  static constexpr int kBlock = 16, kCorrection = 0;
  static constexpr bool kFull = false, kHasMins = true, kSuper = true, kSmall = true,
                        kSlices = true;
  template <int v>
  static JIELONG_KERNEL_MEMBER void unpack_slices(const std::uint8_t* w, int pair,
                                                  Bytes (&group)[4]) {
    const Bytes x = load_bytes(w + panel::kPairTwoBits * pair + 64 * v);
    group[0] = move_bits<0, 0, 3>(x);
    group[1] = move_bits<2, 0, 3>(x);
    group[2] = move_bits<4, 0, 3>(x);
    group[3] = move_bits<6, 0, 3>(x);
  }
  static JIELONG_KERNEL_MEMBER Words scales(const std::uint8_t* w, int i) {
    return low_nibbles(widen_unsigned(w + kScales + 32 * i));
  }
  static JIELONG_KERNEL_MEMBER Words mins(const std::uint8_t* w, int i) {
    return high_nibbles(widen_unsigned(w + kScales + 32 * i));
  }
  static JIELONG_KERNEL_MEMBER Floats d(const std::uint8_t* w) {
    return load_f16(reinterpret_cast<const std::uint16_t*>(w + kD));
  }
  static JIELONG_KERNEL_MEMBER Floats dmin(const std::uint8_t* w) {
    return load_f16(reinterpret_cast<const std::uint16_t*>(w + kDMin));
  }
};

struct FormatQ3_K : panel::Q3_K {
  static constexpr Start kStart = Start::zero;
  static constexpr int kBlock = 16, kCorrection = -4;
  static constexpr bool kFull = false, kHasMins = false, kSuper = true, kSmall = true,
                        kSlices = true;
  template <int v>
  static JIELONG_KERNEL_MEMBER void unpack_slices(const std::uint8_t* w, int pair,
                                                  Bytes (&group)[4]) {
    FormatQ2_K::unpack_slices<v>(w, pair, group);
    const Bytes y = load_bytes(w + kHigh + panel::kPairBits * pair + 64 * (v / 2));
    constexpr int bit = v % 2 * 4;
    group[0] = group[0] | move_bits<bit, 2, 1>(y);
    group[1] = group[1] | move_bits<bit + 1, 2, 1>(y);
    group[2] = group[2] | move_bits<bit + 2, 2, 1>(y);
    group[3] = group[3] | move_bits<bit + 3, 2, 1>(y);
  }
  static JIELONG_KERNEL_MEMBER Words scales(const std::uint8_t* w, int i) {
    return widen_signed(w + kScales + 32 * i);
  }
  static JIELONG_KERNEL_MEMBER Floats d(const std::uint8_t* w) {
    return load(reinterpret_cast<const float*>(w + kD));
  }
};
