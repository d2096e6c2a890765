#include <fmt/format.h>

#include "base/error.h"
#include "tensor/attention.h"
#include "tensor/kernels/tables.h"

namespace jielong {
namespace {

/// Far beyond any model, and small enough that no size computed from it overflows.
constexpr std::int64_t kMostChannels = 1 << 20;

std::size_t align(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

void check(std::int64_t value, const char* what) {
  if (value >= 1 && value <= kMostChannels) return;
  throw bad_input(fmt::format("{} is {}, must be between 1 and {}", what, value, kMostChannels),
                  "key/value layout");
}

}  // namespace

KvGeometry kv_geometry(const KvLayout& layout) {
  check(layout.kv_heads, "the number of key/value heads");
  check(layout.key_dim, "the key size");
  check(layout.value_dim, "the value size");
  KvGeometry g;
  g.type = layout.type;
  g.key_dim = layout.key_dim;
  g.value_dim = layout.value_dim;
  g.value_stride = (g.value_dim + 15) / 16 * 16;
  const std::size_t element = g.type == KvType::f32 ? 4 : g.type == KvType::f16 ? 2 : 1;
  const auto elements = [&](std::int64_t channels) {
    return align(static_cast<std::size_t>(channels * KvLayout::kPositions) * element);
  };
  const auto scales = [&](std::int64_t channels) {
    if (g.type != KvType::q8_0) return std::size_t{0};
    const std::int64_t blocks = (channels + kKvBlock - 1) / kKvBlock;
    return align(static_cast<std::size_t>(blocks * KvLayout::kPositions) * sizeof(std::uint16_t));
  };
  g.key_scales = elements(g.key_dim);
  g.values = g.key_scales + scales(g.key_dim);
  g.value_scales = g.values + elements(g.value_stride);
  g.head_bytes = g.value_scales + scales(g.value_dim);
  return g;
}

std::size_t KvLayout::page_bytes() const {
  return static_cast<std::size_t>(kv_heads) * kv_geometry(*this).head_bytes;
}

void kv_store(const KvLayout& layout, std::byte* page, std::int64_t slot, const float* key,
              const float* value) {
  float_kernels().attention->store(kv_geometry(layout), layout.kv_heads, page, slot, key, value);
}

void kv_load(const KvLayout& layout, const std::byte* page, std::int64_t slot, float* key,
             float* value) {
  float_kernels().attention->load(kv_geometry(layout), layout.kv_heads, page, slot, key, value);
}

}  // namespace jielong
