// Reading and writing pages of keys and values; their layout is KvGeometry's. Included inside
// the namespace of an instruction set, after its floats.h and attention_tile.inl.

namespace {

JIELONG_KERNEL const float* single_elements(const std::byte* p) {
  return reinterpret_cast<const float*>(p);
}
JIELONG_KERNEL const std::uint16_t* half_elements(const std::byte* p) {
  return reinterpret_cast<const std::uint16_t*>(p);
}
JIELONG_KERNEL const std::int8_t* byte_elements(const std::byte* p) {
  return reinterpret_cast<const std::int8_t*>(p);
}
JIELONG_KERNEL std::int64_t kv_blocks(std::int64_t channels) {
  return (channels + kKvBlock - 1) / kKvBlock;
}

/// A page (inner, width) in f32.
template <typename Page>
void unpack_page(const Page& page, std::int64_t inner, std::int64_t width, float* to) {
  for (std::int64_t k = 0; k < inner; ++k) {
    for (std::int64_t column = 0; column < width; column += kLanes) {
      store(to + k * width + column, page.at(k, column));
    }
  }
}

/// f16 scales (blocks, kPositions) in f32.
JIELONG_KERNEL void unpack_scales(const std::byte* scales, std::int64_t blocks, float* to) {
  const std::uint16_t* from = half_elements(scales);
  for (std::int64_t i = 0; i < blocks * KvLayout::kPositions; i += kLanes) {
    store(to + i, load_f16(from + i));
  }
}

/// The largest number a half can hold: what is larger is stored as this, not as infinity.
constexpr float kLargestHalf = 65504;

/// Sixteen channels as halves; channels from n on as 0.
JIELONG_KERNEL void to_halves(const float* x, std::int64_t n, std::uint16_t* halves) {
  const Floats v = n >= kLanes ? load(x) : load_first(x, n);
  store_f16(halves, max(splat(-kLargestHalf), min(splat(kLargestHalf), v)));
}

/// Up to 32 channels as int8 and their scale, max|x| / 127 rounded to a half.
struct ByteBlock {
  std::int8_t elements[kKvBlock];
  std::uint16_t scale;
};
JIELONG_KERNEL ByteBlock to_bytes(const float* x, std::int64_t n) {
  ByteBlock block;
  const Floats low = n >= kLanes ? load(x) : load_first(x, n);
  const Floats high = n <= kLanes     ? zero()
                      : n >= kKvBlock ? load(x + kLanes)
                                      : load_first(x + kLanes, n - kLanes);
  const float most = largest(max(abs(low), abs(high)));
  const float wanted = most / 127;
  std::uint16_t scales[kLanes];
  store_f16(scales, splat(wanted < kLargestHalf ? wanted : kLargestHalf));
  block.scale = scales[0];
  // Quantized by the scale as stored, so that its rounding costs no accuracy.
  float stored[kLanes];
  store(stored, load_f16(scales));
  const Floats inverse = splat(stored[0] > 0 ? 1 / stored[0] : 0);
  const Floats end = splat(127);
  store_i8(block.elements, max(splat(-127), min(end, low * inverse)));
  store_i8(block.elements + kLanes, max(splat(-127), min(end, high * inverse)));
  return block;
}

JIELONG_KERNEL float from_half(std::uint16_t half) {
  std::uint16_t halves[kLanes] = {half};
  float lanes[kLanes];
  store(lanes, load_f16(halves));
  return lanes[0];
}

/// Element index of a value channel at position `slot` of a page.
JIELONG_KERNEL std::int64_t value_index(const KvGeometry& g, std::int64_t slot,
                                        std::int64_t channel) {
  constexpr std::int64_t kWidth = KvGeometry::kValueWidth;
  const std::int64_t start = channel / kWidth * kWidth, left = g.value_stride - start;
  return start * KvLayout::kPositions + slot * (left < kWidth ? left : kWidth) + channel % kWidth;
}

void store_position(const KvGeometry& g, std::int64_t kv_heads, std::byte* page, std::int64_t slot,
                    const float* key, const float* value) {
  constexpr std::int64_t kStride = KvLayout::kPositions;
  for (std::int64_t h = 0; h < kv_heads; ++h, key += g.key_dim, value += g.value_dim) {
    std::byte* head = page + static_cast<std::size_t>(h) * g.head_bytes;
    std::byte* values = head + g.values;
    switch (g.type) {
      case KvType::f32: {
        float* to = reinterpret_cast<float*>(head);
        for (std::int64_t i = 0; i < g.key_dim; ++i) to[i * kStride + slot] = key[i];
        to = reinterpret_cast<float*>(values);
        for (std::int64_t i = 0; i < g.value_stride; i += kLanes) {
          const std::int64_t n = g.value_dim - i;
          store(to + value_index(g, slot, i),
                n >= kLanes ? load(value + i) : load_first(value + i, n));
        }
        break;
      }
      case KvType::f16: {
        std::uint16_t* to = reinterpret_cast<std::uint16_t*>(head);
        for (std::int64_t i = 0; i < g.key_dim; i += kLanes) {
          const std::int64_t n = g.key_dim - i < kLanes ? g.key_dim - i : kLanes;
          std::uint16_t halves[kLanes];
          to_halves(key + i, n, halves);
          for (std::int64_t j = 0; j < n; ++j) to[(i + j) * kStride + slot] = halves[j];
        }
        to = reinterpret_cast<std::uint16_t*>(values);
        for (std::int64_t i = 0; i < g.value_stride; i += kLanes) {
          to_halves(value + i, g.value_dim - i, to + value_index(g, slot, i));
        }
        break;
      }
      case KvType::q8_0: {
        std::int8_t* to = reinterpret_cast<std::int8_t*>(head);
        std::uint16_t* scales = reinterpret_cast<std::uint16_t*>(head + g.key_scales);
        for (std::int64_t i = 0; i < g.key_dim; i += kKvBlock) {
          const std::int64_t n = g.key_dim - i < kKvBlock ? g.key_dim - i : kKvBlock;
          const ByteBlock block = to_bytes(key + i, n);
          for (std::int64_t j = 0; j < n; ++j) to[(i + j) * kStride + slot] = block.elements[j];
          scales[i / kKvBlock * kStride + slot] = block.scale;
        }
        to = reinterpret_cast<std::int8_t*>(values);
        scales = reinterpret_cast<std::uint16_t*>(head + g.value_scales);
        for (std::int64_t i = 0; i < g.value_dim; i += kKvBlock) {
          const ByteBlock block = to_bytes(value + i, g.value_dim - i);
          // A block narrower than 32 is the last and has room for 16 or 32 channels.
          const std::int64_t room = g.value_stride - i < kKvBlock ? kLanes : kKvBlock;
          __builtin_memcpy(to + value_index(g, slot, i), block.elements,
                           static_cast<std::size_t>(room));
          scales[i / kKvBlock * kStride + slot] = block.scale;
        }
        break;
      }
    }
  }
}

void load_position(const KvGeometry& g, std::int64_t kv_heads, const std::byte* page,
                   std::int64_t slot, float* key, float* value) {
  constexpr std::int64_t kStride = KvLayout::kPositions;
  for (std::int64_t h = 0; h < kv_heads; ++h, key += g.key_dim, value += g.value_dim) {
    const std::byte* head = page + static_cast<std::size_t>(h) * g.head_bytes;
    const std::byte* values = head + g.values;
    for (std::int64_t i = 0; i < g.key_dim; ++i) {
      const std::int64_t at = i * kStride + slot;
      switch (g.type) {
        case KvType::f32: key[i] = single_elements(head)[at]; break;
        case KvType::f16: key[i] = from_half(half_elements(head)[at]); break;
        case KvType::q8_0:
          key[i] = static_cast<float>(byte_elements(head)[at]) *
                   from_half(half_elements(head + g.key_scales)[i / kKvBlock * kStride + slot]);
          break;
      }
    }
    for (std::int64_t i = 0; i < g.value_dim; ++i) {
      const std::int64_t at = value_index(g, slot, i);
      switch (g.type) {
        case KvType::f32: value[i] = single_elements(values)[at]; break;
        case KvType::f16: value[i] = from_half(half_elements(values)[at]); break;
        case KvType::q8_0:
          value[i] = static_cast<float>(byte_elements(values)[at]) *
                     from_half(half_elements(head + g.value_scales)[i / kKvBlock * kStride + slot]);
          break;
      }
    }
  }
}

}  // namespace
