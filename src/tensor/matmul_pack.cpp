#include "tensor/matmul_pack.h"

#include <array>
#include <cstring>
#include <type_traits>

#include "tensor/kernels/matmul_layout.h"
#include "tensor/quant/blocks.h"
#include "tensor/quant/half.h"

namespace jielong {
namespace {

constexpr int kOutputs = 16;

/// One step of the 16 outputs, their bits already in the panel's order: word w of row n
/// becomes word n of the panel's vector w.
template <int words>
struct Rows {
  static constexpr int kStride = (words + 3) / 4 * 4;
  alignas(16) std::uint32_t w[kOutputs][kStride] = {};
};

typedef std::uint32_t FourWords __attribute__((vector_size(16)));

FourWords load_four(const std::byte* from) {
  FourWords v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

template <typename T>
void put(std::byte* to, std::size_t index, T value) {
  std::memcpy(to + index * sizeof(T), &value, sizeof(T));
}

template <typename Block>
const Block& block_at(const PanelSource& source, int n, std::int64_t index) {
  return reinterpret_cast<const Block*>(source.rows +
                                        static_cast<std::size_t>(n) * source.row_bytes)[index];
}

// Rows of words. Every panel keeps what it can in one of two ways: bytes that hold a bit field
// of several values at equal distances, made by joining halves of bytes, or single bits.

/// The low halves of `a` below those of `b`, byte by byte.
void join_low(const std::uint8_t* a, const std::uint8_t* b, std::uint8_t* out, int count) {
  constexpr std::uint64_t kLow = 0x0f0f0f0f0f0f0f0f;
  for (int i = 0; i < count; i += 8) {
    std::uint64_t x, y;
    std::memcpy(&x, a + i, 8);
    std::memcpy(&y, b + i, 8);
    x = (x & kLow) | (y & kLow) << 4;
    std::memcpy(out + i, &x, 8);
  }
}

/// The high halves.
void join_high(const std::uint8_t* a, const std::uint8_t* b, std::uint8_t* out, int count) {
  constexpr std::uint64_t kLow = 0x0f0f0f0f0f0f0f0f;
  for (int i = 0; i < count; i += 8) {
    std::uint64_t x, y;
    std::memcpy(&x, a + i, 8);
    std::memcpy(&y, b + i, 8);
    x = (x >> 4 & kLow) | (y & ~kLow);
    std::memcpy(out + i, &x, 8);
  }
}

std::uint8_t* bytes_of(std::uint32_t* words) { return reinterpret_cast<std::uint8_t*>(words); }

/// Nibbles: value i of the first 32 below value i of the second 32, where each 32 values keep
/// i and i + 16 in a byte.
void put_nibbles(const std::uint8_t* first, const std::uint8_t* second, std::uint32_t* words) {
  join_low(first, second, bytes_of(words), 16);
  join_high(first, second, bytes_of(words) + 16, 16);
}

/// A bit for each of 32 values, in their order, becomes one for each group of four (bit g of
/// byte j is value 4g + j).
std::uint32_t spread_bits(const std::uint8_t* bits) {
  static constexpr auto kTwoGroups = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      for (std::uint32_t i = 0; i < 8; ++i) {
        table[byte] |= (byte >> i & 1) << (8 * (i % 4) + i / 4);
      }
    }
    return table;
  }();
  std::uint32_t word = 0;
  for (int i = 0; i < 4; ++i) word |= kTwoGroups[bits[i]] << 2 * i;
  return word;
}

/// In each of the four byte columns, bit s of word g becomes bit g of word s.
void transpose_bits(std::uint32_t* w) {
  constexpr std::uint32_t kMasks[] = {0x0f0f0f0f, 0x33333333, 0x55555555};
  for (int stage = 0; stage < 3; ++stage) {
    const int distance = 4 >> stage;
    for (int i = 0; i < 8; ++i) {
      if (i & distance) continue;
      const std::uint32_t swap = (w[i] >> distance ^ w[i + distance]) & kMasks[stage];
      w[i + distance] ^= swap;
      w[i] ^= swap << distance;
    }
  }
}

/// Two bits a value: from 32 values apart in a byte to 16 apart.
void put_two_bits(const std::uint8_t* qs, std::uint32_t* words) {
  constexpr std::uint64_t kFirst = 0x0303030303030303, kSecond = kFirst << 2;
  std::uint8_t* out = bytes_of(words);
  for (int pair = 0; pair < 4; ++pair) {
    const std::uint8_t* from = qs + 32 * (pair / 2);
    for (int i = 0; i < 16; i += 8) {
      std::uint64_t x, y;
      std::memcpy(&x, from + i, 8);
      std::memcpy(&y, from + 16 + i, 8);
      x >>= 4 * (pair % 2);
      y >>= 4 * (pair % 2);
      x = (x & kFirst) | (y & kFirst) << 2 | (x & kSecond) << 2 | (y & kSecond) << 4;
      std::memcpy(out + 16 * pair + i, &x, 8);
    }
  }
}

/// Q3_K's third bits, from bit s of byte i for value 32s + i.
void put_third_bits(const std::uint8_t* hmask, std::uint32_t* words) {
  std::uint32_t m[8];
  std::memcpy(m, hmask, sizeof m);
  for (int pair = 0; pair < 4; ++pair) {
    for (int u = 0; u < 2; ++u) {
      std::uint32_t word = 0;
      for (int bit = 0; bit < 8; ++bit) {
        const int s = 2 * pair + (bit >> 1 & 1);
        word |= (m[4 * (bit & 1) + 2 * u + (bit >> 2)] >> s & 0x01010101u) << bit;
      }
      words[2 * pair + u] = word;
    }
  }
}

// The 32-value formats: a step is two blocks.

template <typename Block>
void put_row(const Block& a, const Block& b, std::uint32_t* words) {
  put_nibbles(a.qs, b.qs, words);
  if constexpr (requires { a.qh; }) {
    words[8] = spread_bits(a.qh);
    words[9] = spread_bits(b.qh);
  }
}
void put_row(const BlockQ8_0& a, const BlockQ8_0& b, std::uint32_t* words) {
  std::memcpy(words, a.qs, 32);
  std::memcpy(words + 8, b.qs, 32);
}

// The K formats: a step is one block. Words of the low bits come first.

void put_row(const BlockQ2_K& b, std::uint32_t* words) { put_two_bits(b.qs, words); }
void put_row(const BlockQ3_K& b, std::uint32_t* words) {
  put_two_bits(b.qs, words);
  put_third_bits(b.hmask, words + 16);
}
void put_row(const BlockQ4_K& b, std::uint32_t* words) { std::memcpy(words, b.qs, 128); }
void put_row(const BlockQ5_K& b, std::uint32_t* words) {
  std::memcpy(words, b.qs, 128);
  std::memcpy(words + 32, b.qh, 32);
  transpose_bits(words + 32);
}
void put_row(const BlockQ6_K& b, std::uint32_t* words) {
  std::uint8_t* low = bytes_of(words);
  std::uint8_t* high = bytes_of(words + 32);
  for (int half = 0; half < 2; ++half) {
    const std::uint8_t* ql = b.ql + 64 * half;
    join_low(ql, ql + 32, low + 64 * half, 32);
    join_high(ql, ql + 32, low + 64 * half + 32, 32);
    const std::uint8_t* qh = b.qh + 32 * half;
    join_low(qh, qh + 16, high + 32 * half, 16);
    join_high(qh, qh + 16, high + 32 * half + 16, 16);
  }
}
void put_row(const BlockIQ4_XS& b, std::uint32_t* words) {
  for (int pair = 0; pair < 4; ++pair) {
    put_nibbles(b.qs + 32 * pair, b.qs + 32 * pair + 16, words + 8 * pair);
  }
}

/// The words [w, w + 4) of the rows [n, n + 4), turned: word by word four outputs. `rows` is
/// (n, words) with `stride` bytes from row to row.
std::array<FourWords, 4> turn_four(const std::byte* rows, std::size_t stride) {
  const FourWords a = load_four(rows), b = load_four(rows + stride),
                  c = load_four(rows + 2 * stride), d = load_four(rows + 3 * stride);
  const FourWords ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5),
                  ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7),
                  cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5),
                  cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  return {__builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5),
          __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
          __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5),
          __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7)};
}

/// (n, words) to (words, n).
template <int words>
void put_rows(const Rows<words>& rows, std::byte* panel) {
  for (int w = 0; w < words; w += 4) {
    for (int n = 0; n < kOutputs; n += 4) {
      const auto turned =
          turn_four(reinterpret_cast<const std::byte*>(&rows.w[n][w]), sizeof rows.w[n]);
      for (int i = 0; i < 4 && w + i < words; ++i) {
        std::memcpy(panel + 64 * (w + i) + 4 * n, &turned[static_cast<std::size_t>(i)], 16);
      }
    }
  }
}

// Scales.

/// Bytes of sub-blocks, two and two, to where they lie for output n.
template <int count, typename Byte>
void put_pairs(const Byte* values, int n, std::byte* to) {
  for (int pair = 0; pair < count / 2; ++pair) {
    std::memcpy(to + 32 * pair + 2 * n, values + 2 * pair, 2);
  }
}

template <typename Panel>
void put_scales(const BlockQ2_K& b, int n, std::byte* step) {
  put_pairs<16>(b.scales, n, step + Panel::kScales);
  put(step + Panel::kD, n, b.d);
  put(step + Panel::kDMin, n, b.dmin);
}
template <typename Panel>
void put_scales(const BlockQ3_K& b, int n, std::byte* step) {
  std::int8_t scales[16];
  for (int s = 0; s < 16; ++s) {
    scales[s] = static_cast<std::int8_t>(q3_k_scale(b.scales, s) - 32);
  }
  put_pairs<16>(scales, n, step + Panel::kScales);
  put(step + Panel::kD, n, f16_to_f32(b.d));
}
template <typename Panel, typename Block>
void put_scales_and_mins(const Block& b, int n, std::byte* step) {
  std::uint8_t scales[8], mins[8];
  for (int s = 0; s < 8; ++s) {
    const ScaleMin pair = q4_k_scale(b.scales, s);
    scales[s] = pair.scale;
    mins[s] = pair.min;
  }
  put_pairs<8>(scales, n, step + Panel::kScales);
  put_pairs<8>(mins, n, step + Panel::kMins);
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
  put_pairs<16>(b.scales, n, step + Panel::kScales);
  put(step + Panel::kD, n, f16_to_f32(b.d));
}
template <typename Panel>
void put_scales(const BlockIQ4_XS& b, int n, std::byte* step) {
  std::int8_t scales[8];
  for (int s = 0; s < 8; ++s) scales[s] = static_cast<std::int8_t>(iq4_xs_scale(b, s) - 32);
  put_pairs<8>(scales, n, step + Panel::kScales);
  put(step + Panel::kD, n, f16_to_f32(b.d));
}

// Whole panels.

/// Makes signed bytes unsigned ones that are 128 larger.
void flip_signs(std::byte* bytes, int count) {
  for (int i = 0; i < count; i += 8) {
    std::uint64_t x;
    std::memcpy(&x, bytes + i, 8);
    x ^= 0x8080808080808080;
    std::memcpy(bytes + i, &x, 8);
  }
}

template <typename Panel, typename Block>
void pack_small(const PanelSource& source, std::byte* panel) {
  static constexpr Block kNothing{};
  const std::int64_t blocks = source.in / kSmallBlock;
  Rows<Panel::kScales / 64> rows;
  for (std::int64_t first = 0; first < blocks; first += 2, panel += Panel::kBytes) {
    const bool both = blocks - first > 1;
    if (source.outputs < kOutputs || !both) std::memset(panel, 0, Panel::kBytes);
    for (int n = 0; n < source.outputs; ++n) {
      const Block& a = block_at<Block>(source, n, first);
      const Block& b = both ? block_at<Block>(source, n, first + 1) : kNothing;
      put_row(a, b, rows.w[n]);
      put<std::uint16_t>(panel + Panel::kScales, n, a.d);
      put<std::uint16_t>(panel + Panel::kScales, 16 + n, b.d);
      if constexpr (requires { Panel::kMins; }) {
        put<std::uint16_t>(panel + Panel::kMins, n, a.m);
        put<std::uint16_t>(panel + Panel::kMins, 16 + n, b.m);
      }
    }
    put_rows(rows, panel);
    if constexpr (std::is_same_v<Block, BlockQ8_0>) {
      if (source.biased) flip_signs(panel, Panel::kScales);
    }
  }
}

template <typename Panel, typename Block>
void pack_super(const PanelSource& source, std::byte* panel) {
  const std::int64_t blocks = source.in / kSuperBlock;
  Rows<Panel::kScales / 64> rows;
  for (std::int64_t index = 0; index < blocks; ++index, panel += Panel::kBytes) {
    if (source.outputs < kOutputs) std::memset(panel, 0, Panel::kBytes);
    for (int n = 0; n < source.outputs; ++n) {
      const Block& b = block_at<Block>(source, n, index);
      put_row(b, rows.w[n]);
      put_scales<Panel>(b, n, panel);
    }
    put_rows(rows, panel);
  }
}

/// Four words of four outputs as rows of elements: a word is one f32 or two halves.
void put_elements(const std::array<FourWords, 4>& words, std::byte* to, std::uint32_t) {
  for (std::size_t i = 0; i < 4; ++i) std::memcpy(to + 64 * i, &words[i], 16);
}
void put_elements(const std::array<FourWords, 4>& words, std::byte* to, std::uint16_t) {
  typedef std::uint16_t Halves __attribute__((vector_size(16)));
  for (std::size_t i = 0; i < 4; ++i) {
    Halves pairs;
    std::memcpy(&pairs, &words[i], 16);
    pairs = __builtin_shufflevector(pairs, pairs, 0, 2, 4, 6, 1, 3, 5, 7);
    std::memcpy(to + 64 * i, &pairs, 8);
    std::memcpy(to + 64 * i + 32, reinterpret_cast<const std::byte*>(&pairs) + 8, 8);
  }
}

/// (n, k) to (k, n).
template <typename Element>
void pack_plain(const PanelSource& source, std::byte* panel) {
  constexpr std::int64_t kRun = 16 / sizeof(Element);  // values in four words
  constexpr std::size_t kRow = kOutputs * sizeof(Element);
  if (source.outputs < kOutputs) {
    std::memset(panel, 0, static_cast<std::size_t>(source.in) * kRow);
  }
  std::int64_t k = 0;
  for (; source.outputs == kOutputs && k + kRun <= source.in; k += kRun) {
    const std::byte* from = source.rows + static_cast<std::size_t>(k) * sizeof(Element);
    for (std::size_t n = 0; n < kOutputs; n += 4) {
      put_elements(turn_four(from + n * source.row_bytes, source.row_bytes),
                   panel + static_cast<std::size_t>(k) * kRow + n * sizeof(Element), Element{});
    }
  }
  for (; k < source.in; ++k) {
    for (int n = 0; n < source.outputs; ++n) {
      std::memcpy(panel + static_cast<std::size_t>(k) * kRow +
                      static_cast<std::size_t>(n) * sizeof(Element),
                  source.rows + static_cast<std::size_t>(n) * source.row_bytes +
                      static_cast<std::size_t>(k) * sizeof(Element),
                  sizeof(Element));
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
