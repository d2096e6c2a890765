#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/thread_pool.h"
#include "tensor/dtype.h"

namespace jielong {

/// A half-open range of indices.
struct Range {
  std::int64_t begin = 0, end = 0;
  std::int64_t size() const { return end - begin; }
};

/// How input rows are stored for a multiplication; the weight's format decides.
/// q8_block32: int8 with one f32 scale for every 32 values, for the 32-value formats.
/// q8_block256: int8 with one f32 scale for every 256 values, for the K formats.
enum class RowFormat : std::uint8_t { f32, q8_block32, q8_block256 };

/// A weight matrix W (out, in), laid out for the active instruction set: panels of
/// kPanel output features side by side, so that one vector lane is one output and
/// every output is summed over `in` in the same order whatever the number of rows,
/// the tiling or the thread count.
class PackedMatrix {
 public:
  static constexpr std::int64_t kPanel = 16;

  PackedMatrix() = default;

  /// @param data  rows of `in` values in format `dtype`, `out` of them, GGUF layout
  /// @param pool  packs in parallel when given
  /// Throws Error(unsupported) for formats that cannot be multiplied.
  static PackedMatrix pack(DType dtype, std::span<const std::byte> data, std::int64_t out,
                           std::int64_t in, ThreadPool* pool = nullptr);

  bool empty() const { return storage_ == nullptr; }
  DType dtype() const { return dtype_; }
  std::int64_t out() const { return out_; }
  std::int64_t in() const { return in_; }
  RowFormat row_format() const { return row_format_; }
  std::int64_t panels() const { return (out_ + kPanel - 1) / kPanel; }
  /// Size of the packed copy.
  std::size_t bytes() const { return bytes_; }
  std::size_t panel_bytes() const { return panel_bytes_; }
  const std::byte* panel(std::int64_t index) const {
    return storage_.get() + static_cast<std::size_t>(index) * panel_bytes_;
  }

 private:
  std::shared_ptr<std::byte[]> storage_;
  std::size_t bytes_ = 0, panel_bytes_ = 0;
  std::int64_t out_ = 0, in_ = 0;
  DType dtype_ = DType::f32;
  RowFormat row_format_ = RowFormat::f32;
};

/// Input rows X (rows, in) converted once and shared by every matrix with the same
/// row format. Reused across calls: resize() allocates only when it must grow.
class RowBuffer {
 public:
  void resize(RowFormat format, std::int64_t rows, std::int64_t in);

  RowFormat format() const { return format_; }
  std::int64_t rows() const { return rows_; }
  std::int64_t in() const { return in_; }

  /// Converts rows [range) of x, (rows, in) with `stride` floats from row to row.
  /// Different threads may convert different rows at the same time.
  void convert(const float* x, std::int64_t stride, Range range);

  const std::byte* row(std::int64_t index) const {
    return storage_.get() + static_cast<std::size_t>(index) * row_bytes_;
  }
  std::byte* row(std::int64_t index) {
    return storage_.get() + static_cast<std::size_t>(index) * row_bytes_;
  }
  std::size_t row_bytes() const { return row_bytes_; }

 private:
  std::shared_ptr<std::byte[]> storage_;
  std::size_t capacity_ = 0, row_bytes_ = 0;
  std::int64_t rows_ = 0, in_ = 0;
  RowFormat format_ = RowFormat::f32;
};

/// y[t, n] = Σ_k x[t, k] · w[n, k] for t in `rows` and n in the outputs of `panels`
/// (clipped to w.out()); with `accumulate`, y[t, n] += that sum. y is (rows, out) with
/// `stride` floats from row to row. Single-threaded: callers give each thread its part.
void multiply(const PackedMatrix& w, const RowBuffer& x, float* y, std::int64_t stride, Range rows,
              Range panels, bool accumulate = false);

}  // namespace jielong
