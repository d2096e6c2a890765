// The multiplication kernels, once for all instruction sets. Included inside the namespace
// of one, after its floats.h and int8.h (see int8.md); the including file chooses between
// few and many rows and makes the table with matmul_table.inl. Every output is summed in one order,
// whatever the number of rows and the tiling:
//
//   32-value formats: for every block of 32 k, an exact int32 dot product p, then
//     y = fma(p, d·dx, y), and with minima y = fma(m, dx·Σx, y);
//   K formats: for every 256 k, the exact int32 sums P = Σ scale·p and M = Σ min·Σx, then
//     y = fma(P·d, dx, y), or with minima y = fma(fma(−M, dmin, P·d), dx, y);
//   plain formats: y = fma(w, x, y) for every k.

/// The rows a kernel reads: `stride` bytes from one to the next.
struct Rows {
  const std::byte* first;
  std::size_t stride;
  RowLayout layout;

  JIELONG_KERNEL_MEMBER const std::byte* at(int r) const {
    return first + static_cast<std::size_t>(r) * stride;
  }
  JIELONG_KERNEL_MEMBER const std::int8_t* values(int r) const {
    return reinterpret_cast<const std::int8_t*>(at(r));
  }
  JIELONG_KERNEL_MEMBER const float* scales(int r) const {
    return reinterpret_cast<const float*>(at(r) + layout.scales);
  }
  JIELONG_KERNEL_MEMBER const float* scaled_sums(int r) const {
    return reinterpret_cast<const float*>(at(r) + layout.scaled_sums);
  }
  JIELONG_KERNEL_MEMBER const std::int32_t* minus_8_sums(int r) const {
    return reinterpret_cast<const std::int32_t*>(at(r) + layout.minus_8_sums);
  }
  JIELONG_KERNEL_MEMBER const std::int32_t* minus_128_sums(int r) const {
    return reinterpret_cast<const std::int32_t*>(at(r) + layout.minus_128_sums);
  }
  JIELONG_KERNEL_MEMBER const std::int16_t* sums16(int r) const {
    return reinterpret_cast<const std::int16_t*>(at(r) + layout.sums16);
  }
  JIELONG_KERNEL_MEMBER const std::int16_t* sums32(int r) const {
    return reinterpret_cast<const std::int16_t*>(at(r) + layout.sums32);
  }
};

/// Writes the sums of 16 outputs, of which `outputs` exist.
JIELONG_KERNEL void finish(float* y, Floats sum, std::int64_t outputs, bool accumulate) {
  if (outputs >= 16) {
    store(y, accumulate ? load(y) + sum : sum);
  } else {
    store_first(y, accumulate ? load_first(y, outputs) + sum : sum, outputs);
  }
}

// In this order; blank lines keep clang-format from sorting them.
#include "tensor/kernels/matmul_convert.inl"
#include "tensor/kernels/matmul_formats.inl"

#include "tensor/kernels/matmul_few.inl"
#include "tensor/kernels/matmul_many.inl"
#include "tensor/kernels/matmul_plain.inl"
#include "tensor/kernels/matmul_tiles.inl"
