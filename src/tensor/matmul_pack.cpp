#include "tensor/matmul_pack.h"

#include <cstring>
#include <type_traits>

#include "tensor/kernels/matmul_layout.h"
#include "tensor/quant/blocks.h"
#include "tensor/quant/half.h"

namespace jielong {
namespace {

constexpr int kOutputs = 16;

/// One step of 16 outputs with one byte a value: what every format is unpacked to before
/// its bits are put together again in the panel's order.
template <int step>
struct Values {
  alignas(64) std::uint8_t q[kOutputs][step];

  /// Four consecutive values of an output.
  std::uint32_t four(int n, int k) const {
    std::uint32_t word;
    std::memcpy(&word, &q[n][k], 4);
    return word;
  }
};

template <typename T>
void put(std::byte* to, std::size_t index, T value) {
  std::memcpy(to + index * sizeof(T), &value, sizeof(T));
}

template <typename Block>
const Block& block_at(const PanelSource& source, int n, std::int64_t index) {
  return reinterpret_cast<const Block*>(source.rows +
                                        static_cast<std::size_t>(n) * source.row_bytes)[index];
}

// One byte a value.

void low_and_high_nibbles(const std::uint8_t* qs, int count, std::uint8_t* q, int high_at) {
  for (int i = 0; i < count; ++i) {
    q[i] = qs[i] & 15;
    q[i + high_at] = qs[i] >> 4;
  }
}

void add_fifth_bits(const std::uint8_t* qh, std::uint8_t* q) {
  for (int byte = 0; byte < 4; ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      q[8 * byte + bit] |= static_cast<std::uint8_t>((qh[byte] >> bit & 1) << 4);
    }
  }
}

void unpack(const BlockQ4_0& b, std::uint8_t* q) { low_and_high_nibbles(b.qs, 16, q, 16); }
void unpack(const BlockQ4_1& b, std::uint8_t* q) { low_and_high_nibbles(b.qs, 16, q, 16); }
void unpack(const BlockIQ4_NL& b, std::uint8_t* q) { low_and_high_nibbles(b.qs, 16, q, 16); }
void unpack(const BlockQ5_0& b, std::uint8_t* q) {
  low_and_high_nibbles(b.qs, 16, q, 16);
  add_fifth_bits(b.qh, q);
}
void unpack(const BlockQ5_1& b, std::uint8_t* q) {
  low_and_high_nibbles(b.qs, 16, q, 16);
  add_fifth_bits(b.qh, q);
}
void unpack(const BlockQ8_0& b, std::uint8_t* q) { std::memcpy(q, b.qs, 32); }

void unpack_two_bits(const std::uint8_t* qs, std::uint8_t* q) {
  for (int half = 0; half < 2; ++half) {
    for (int p = 0; p < 4; ++p) {
      for (int i = 0; i < 32; ++i) q[128 * half + 32 * p + i] = qs[32 * half + i] >> 2 * p & 3;
    }
  }
}
void unpack(const BlockQ2_K& b, std::uint8_t* q) { unpack_two_bits(b.qs, q); }
void unpack(const BlockQ3_K& b, std::uint8_t* q) {
  unpack_two_bits(b.qs, q);
  for (int s = 0; s < 8; ++s) {
    for (int i = 0; i < 32; ++i) {
      q[32 * s + i] |= static_cast<std::uint8_t>((b.hmask[i] >> s & 1) << 2);
    }
  }
}
void unpack(const BlockQ4_K& b, std::uint8_t* q) {
  for (int c = 0; c < 4; ++c) low_and_high_nibbles(b.qs + 32 * c, 32, q + 64 * c, 32);
}
void unpack(const BlockQ5_K& b, std::uint8_t* q) {
  for (int c = 0; c < 4; ++c) low_and_high_nibbles(b.qs + 32 * c, 32, q + 64 * c, 32);
  for (int s = 0; s < 8; ++s) {
    for (int i = 0; i < 32; ++i) {
      q[32 * s + i] |= static_cast<std::uint8_t>((b.qh[i] >> s & 1) << 4);
    }
  }
}
void unpack(const BlockQ6_K& b, std::uint8_t* q) {
  for (int half = 0; half < 2; ++half) {
    for (int odd = 0; odd < 2; ++odd) {
      low_and_high_nibbles(b.ql + 64 * half + 32 * odd, 32, q + 128 * half + 32 * odd, 64);
    }
    for (int p = 0; p < 4; ++p) {
      for (int i = 0; i < 32; ++i) {
        q[128 * half + 32 * p + i] |=
            static_cast<std::uint8_t>((b.qh[32 * half + i] >> 2 * p & 3) << 4);
      }
    }
  }
}
void unpack(const BlockIQ4_XS& b, std::uint8_t* q) {
  for (int s = 0; s < 8; ++s) low_and_high_nibbles(b.qs + 16 * s, 16, q + 32 * s, 16);
}

// The panel's order of bits.

template <int step>
void put_nibbles(const Values<step>& v, std::byte* to) {
  for (int pair = 0; pair < step / 64; ++pair) {
    for (int g = 0; g < 8; ++g) {
      const int k = 64 * pair + 4 * g;
      std::byte* words = to + panel::kPairNibbles * pair + 64 * g;
      for (int n = 0; n < kOutputs; ++n) {
        put<std::uint32_t>(words, n,
                           (v.four(n, k) & 0x0f0f0f0fu) | (v.four(n, k + 32) & 0x0f0f0f0fu) << 4);
      }
    }
  }
}

void put_bytes(const Values<64>& v, std::byte* to, std::uint32_t flip) {
  for (int g = 0; g < 16; ++g) {
    for (int n = 0; n < kOutputs; ++n) {
      put<std::uint32_t>(to + 64 * g, n, v.four(n, 4 * g) ^ flip);
    }
  }
}

template <int step>
void put_fifth_bits(const Values<step>& v, std::byte* to) {
  for (int pair = 0; pair < step / 64; ++pair) {
    for (int h = 0; h < 2; ++h) {
      for (int n = 0; n < kOutputs; ++n) {
        std::uint32_t word = 0;
        for (int g = 0; g < 8; ++g) {
          word |= (v.four(n, 64 * pair + 32 * h + 4 * g) >> 4 & 0x01010101u) << g;
        }
        put(to + panel::kPairBits * pair + 64 * h, n, word);
      }
    }
  }
}

void put_sixth_bits(const Values<256>& v, std::byte* to) {
  for (int pair = 0; pair < 4; ++pair) {
    for (int i = 0; i < 4; ++i) {
      for (int n = 0; n < kOutputs; ++n) {
        std::uint32_t word = 0;
        for (int slice = 0; slice < 4; ++slice) {
          // Slices: groups i, i + 8, i + 4, i + 12.
          const int group = i + 8 * (slice % 2) + 4 * (slice / 2);
          word |= (v.four(n, 64 * pair + 4 * group) >> 4 & 0x03030303u) << 2 * slice;
        }
        put(to + panel::kPairTwoBits * pair + 64 * i, n, word);
      }
    }
  }
}

void put_two_bits(const Values<256>& v, std::byte* to) {
  for (int pair = 0; pair < 4; ++pair) {
    for (int i = 0; i < 4; ++i) {
      for (int n = 0; n < kOutputs; ++n) {
        std::uint32_t word = 0;
        for (int p = 0; p < 4; ++p) {
          word |= (v.four(n, 64 * pair + 16 * p + 4 * i) & 0x03030303u) << 2 * p;
        }
        put(to + panel::kPairTwoBits * pair + 64 * i, n, word);
      }
    }
  }
}

void put_third_bits(const Values<256>& v, std::byte* to) {
  for (int pair = 0; pair < 4; ++pair) {
    for (int u = 0; u < 2; ++u) {
      for (int n = 0; n < kOutputs; ++n) {
        std::uint32_t word = 0;
        for (int bit = 0; bit < 8; ++bit) {
          const int k = 64 * pair + 16 * (bit % 4) + 4 * (2 * u + bit / 4);
          word |= (v.four(n, k) >> 2 & 0x01010101u) << bit;
        }
        put(to + panel::kPairBits * pair + 64 * u, n, word);
      }
    }
  }
}

// Scales.

/// The byte place of sub-block s of output n: sub-blocks lie in pairs.
constexpr std::size_t scale_place(int s, int n) {
  return static_cast<std::size_t>(s / 2 * 32 + n * 2 + s % 2);
}

template <typename Panel>
void put_scales(const BlockQ2_K& b, int n, std::byte* step) {
  for (int s = 0; s < 16; ++s) put(step + Panel::kScales, scale_place(s, n), b.scales[s]);
  put(step + Panel::kD, n, b.d);
  put(step + Panel::kDMin, n, b.dmin);
}
template <typename Panel>
void put_scales(const BlockQ3_K& b, int n, std::byte* step) {
  for (int s = 0; s < 16; ++s) {
    put(step + Panel::kScales, scale_place(s, n),
        static_cast<std::int8_t>(q3_k_scale(b.scales, s) - 32));
  }
  put(step + Panel::kD, n, f16_to_f32(b.d));
}
template <typename Panel, typename Block>
void put_scales_and_mins(const Block& b, int n, std::byte* step) {
  for (int s = 0; s < 8; ++s) {
    const ScaleMin pair = q4_k_scale(b.scales, s);
    put(step + Panel::kScales, scale_place(s, n), pair.scale);
    put(step + Panel::kMins, scale_place(s, n), pair.min);
  }
  put(step + Panel::kD, n, b.d);
  put(step + Panel::kDMin, n, b.dmin);
}
template <typename Panel>
void put_scales(const BlockQ4_K& b, int n, std::byte* step) {
  put_scales_and_mins<Panel>(b, n, step);
}
template <typename Panel>
void put_scales(const BlockQ5_K& b, int n, std::byte* step) {
  put_scales_and_mins<Panel>(b, n, step);
}
template <typename Panel>
void put_scales(const BlockQ6_K& b, int n, std::byte* step) {
  for (int s = 0; s < 16; ++s) put(step + Panel::kScales, scale_place(s, n), b.scales[s]);
  put(step + Panel::kD, n, f16_to_f32(b.d));
}
template <typename Panel>
void put_scales(const BlockIQ4_XS& b, int n, std::byte* step) {
  for (int s = 0; s < 8; ++s) {
    put(step + Panel::kScales, scale_place(s, n),
        static_cast<std::int8_t>(iq4_xs_scale(b, s) - 32));
  }
  put(step + Panel::kD, n, f16_to_f32(b.d));
}

// Whole panels.

/// The quantized values of one step in the panel's order.
template <typename Panel, typename Block>
void put_values(const Values<Panel::kStep>& v, std::byte* step, bool biased) {
  if constexpr (std::is_same_v<Block, BlockQ8_0>) {
    put_bytes(v, step, biased ? 0x80808080u : 0u);
  } else if constexpr (std::is_same_v<Block, BlockQ2_K>) {
    put_two_bits(v, step);
  } else if constexpr (std::is_same_v<Block, BlockQ3_K>) {
    put_two_bits(v, step);
    put_third_bits(v, step + Panel::kHigh);
  } else {
    put_nibbles(v, step);
    if constexpr (std::is_same_v<Block, BlockQ6_K>) put_sixth_bits(v, step + Panel::kHigh);
    if constexpr (std::is_same_v<Block, BlockQ5_0> || std::is_same_v<Block, BlockQ5_1> ||
                  std::is_same_v<Block, BlockQ5_K>) {
      put_fifth_bits(v, step + Panel::kHigh);
    }
  }
}

template <typename Panel, typename Block>
void pack_small(const PanelSource& source, std::byte* panel) {
  const std::int64_t blocks = source.in / kSmallBlock;
  Values<64> v;
  for (std::int64_t first = 0; first < blocks; first += 2, panel += Panel::kBytes) {
    const int present = blocks - first < 2 ? 1 : 2;
    if (source.outputs < kOutputs || present < 2) {
      std::memset(v.q, 0, sizeof v.q);
      std::memset(panel, 0, Panel::kBytes);
    }
    for (int n = 0; n < source.outputs; ++n) {
      for (int i = 0; i < present; ++i) {
        const Block& b = block_at<Block>(source, n, first + i);
        unpack(b, v.q[n] + 32 * i);
        put<std::uint16_t>(panel + Panel::kScales, 16 * i + n, b.d);
        if constexpr (requires { Panel::kMins; }) {
          put<std::uint16_t>(panel + Panel::kMins, 16 * i + n, b.m);
        }
      }
    }
    put_values<Panel, Block>(v, panel, source.biased);
  }
}

template <typename Panel, typename Block>
void pack_super(const PanelSource& source, std::byte* panel) {
  const std::int64_t blocks = source.in / kSuperBlock;
  Values<256> v;
  if (source.outputs < kOutputs) std::memset(v.q, 0, sizeof v.q);
  for (std::int64_t index = 0; index < blocks; ++index, panel += Panel::kBytes) {
    if (source.outputs < kOutputs) std::memset(panel, 0, Panel::kBytes);
    for (int n = 0; n < source.outputs; ++n) {
      const Block& b = block_at<Block>(source, n, index);
      unpack(b, v.q[n]);
      put_scales<Panel>(b, n, panel);
    }
    put_values<Panel, Block>(v, panel, source.biased);
  }
}

/// (n, k) to (k, n).
template <typename Element>
void pack_plain(const PanelSource& source, std::byte* panel) {
  constexpr std::int64_t kRun = 16;  // values of one output copied at a time
  if (source.outputs < kOutputs) {
    std::memset(panel, 0, static_cast<std::size_t>(source.in) * kOutputs * sizeof(Element));
  }
  for (std::int64_t k = 0; k < source.in; k += kRun) {
    const std::int64_t count = source.in - k < kRun ? source.in - k : kRun;
    for (int n = 0; n < source.outputs; ++n) {
      const std::byte* row = source.rows + static_cast<std::size_t>(n) * source.row_bytes +
                             static_cast<std::size_t>(k) * sizeof(Element);
      for (std::int64_t i = 0; i < count; ++i) {
        std::memcpy(panel + static_cast<std::size_t>((k + i) * kOutputs + n) * sizeof(Element),
                    row + static_cast<std::size_t>(i) * sizeof(Element), sizeof(Element));
      }
    }
  }
}

template <typename Panel, typename Block>
constexpr PanelFormat small() {
  return {Panel::kStep, Panel::kBytes, pack_small<Panel, Block>};
}
template <typename Panel, typename Block>
constexpr PanelFormat super() {
  return {Panel::kStep, Panel::kBytes, pack_super<Panel, Block>};
}

}  // namespace

PanelFormat panel_format(DType dtype) {
  switch (dtype) {
    case DType::f32: return {1, 64, pack_plain<std::uint32_t>};
    case DType::f16:
    case DType::bf16: return {1, 32, pack_plain<std::uint16_t>};
    case DType::q4_0: return small<panel::Q4_0, BlockQ4_0>();
    case DType::q4_1: return small<panel::Q4_1, BlockQ4_1>();
    case DType::q5_0: return small<panel::Q5_0, BlockQ5_0>();
    case DType::q5_1: return small<panel::Q5_1, BlockQ5_1>();
    case DType::q8_0: return small<panel::Q8_0, BlockQ8_0>();
    case DType::iq4_nl: return small<panel::IQ4_NL, BlockIQ4_NL>();
    case DType::q2_k: return super<panel::Q2_K, BlockQ2_K>();
    case DType::q3_k: return super<panel::Q3_K, BlockQ3_K>();
    case DType::q4_k: return super<panel::Q4_K, BlockQ4_K>();
    case DType::q5_k: return super<panel::Q5_K, BlockQ5_K>();
    case DType::q6_k: return super<panel::Q6_K, BlockQ6_K>();
    case DType::iq4_xs: return super<panel::IQ4_XS, BlockIQ4_XS>();
    default: return {1, 0, nullptr};
  }
}

}  // namespace jielong
