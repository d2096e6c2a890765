#include "tensor/matmul.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "tensor/isa.h"
#include "tensor/kernels/matmul_kernels.h"
#include "tensor/kernels/matmul_layout.h"
#include "tensor/matmul_pack.h"
#include "tensor/memory.h"

namespace jielong {
namespace {

constexpr std::size_t kMaximumBytes = std::numeric_limits<std::size_t>::max() / 4;

/// Kernels may read whole tiles of 16 rows: so many more rows are there to be read.
constexpr std::int64_t kSpareRows = 15;

const MatmulKernels& kernels() {
  switch (active_isa()) {
#if defined(__x86_64__)
    case Isa::avx2: return avx2::matmul_kernels;
    case Isa::avxvnni: return avxvnni::matmul_kernels;
    case Isa::avx512:
    case Isa::avx512bf16: return avx512::matmul_kernels;
    case Isa::amx: return amx::matmul_kernels;
    default: return baseline::matmul_kernels;
#elif defined(__aarch64__)
    case Isa::dotprod: return dotprod::matmul_kernels;
    case Isa::i8mm: return i8mm::matmul_kernels;
    default: return neon::matmul_kernels;
#else
    default: return baseline::matmul_kernels;
#endif
  }
}

/// a · b, refused when it is beyond what memory can hold.
std::size_t checked_product(std::size_t a, std::size_t b) {
  std::size_t product = 0;
  if (__builtin_mul_overflow(a, b, &product) || product > kMaximumBytes) {
    throw bad_input("the matrix is too large for the memory of any machine",
                    "matrix multiplication");
  }
  return product;
}

RowFormat row_format_of(DType dtype) {
  const DTypeInfo& entry = info(dtype);
  if (!entry.quantized) return RowFormat::f32;
  return entry.block_elements == 32 ? RowFormat::q8_block32 : RowFormat::q8_block256;
}

}  // namespace

std::byte* matmul_scratch(std::size_t bytes) {
  thread_local std::shared_ptr<std::byte[]> memory;
  thread_local std::size_t capacity = 0;
  if (bytes > capacity) {
    memory = allocate_bytes(bytes);
    capacity = bytes;
  }
  return memory.get();
}

PackedMatrix PackedMatrix::pack(DType dtype, std::span<const std::byte> data, std::int64_t out,
                                std::int64_t in, ThreadPool* pool) {
  const char* const where = "matrix multiplication";
  const DTypeInfo& entry = info(dtype);
  const PanelFormat format = panel_format(dtype);
  if (format.pack == nullptr) {
    throw Error(ErrorKind::unsupported,
                fmt::format("weights in {} cannot be multiplied", entry.name), where,
                "convert them to F16 or F32");
  }
  if (out <= 0 || in <= 0) {
    throw bad_input(fmt::format("a weight of {} by {} values is empty", out, in), where);
  }
  if (in % entry.block_elements != 0) {
    throw bad_input(fmt::format("rows of {} values are not a multiple of the {} of a {} block", in,
                                entry.block_elements, entry.name),
                    where);
  }
  const std::size_t file_row = checked_product(static_cast<std::size_t>(in / entry.block_elements),
                                               static_cast<std::size_t>(entry.block_bytes));
  const std::size_t needed = checked_product(file_row, static_cast<std::size_t>(out));
  if (data.size() < needed) {
    throw bad_input(fmt::format("{} by {} values in {} need {} bytes, but there are {}", out, in,
                                entry.name, needed, data.size()),
                    where);
  }

  PackedMatrix m;
  m.dtype_ = dtype;
  m.out_ = out;
  m.in_ = in;
  m.row_format_ = row_format_of(dtype);
  const std::int64_t steps = in / format.step + (in % format.step != 0 ? 1 : 0);
  m.panel_bytes_ = checked_product(static_cast<std::size_t>(steps), format.bytes);
  const std::int64_t panels = out / kPanel + (out % kPanel != 0 ? 1 : 0);
  m.bytes_ = checked_product(m.panel_bytes_, static_cast<std::size_t>(panels));
  m.storage_ = allocate_weights(m.bytes_);
  const bool biased = kernels().biased;
  const auto pack_range = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      const PanelSource source{data.data() + static_cast<std::size_t>(p * kPanel) * file_row,
                               file_row, static_cast<int>(std::min(kPanel, out - p * kPanel)), in,
                               biased};
      format.pack(source, m.storage_.get() + static_cast<std::size_t>(p) * m.panel_bytes_);
    }
  };
  if (pool != nullptr) {
    pool->for_range(panels, 1, pack_range);
  } else {
    pack_range(0, panels);
  }
  return m;
}

void RowBuffer::resize(RowFormat format, std::int64_t rows, std::int64_t in) {
  if (rows < 0 || in < 0) throw bad_input("a row buffer cannot have a negative size", "rows");
  // Beyond this, no array of floats could have held the rows, and no size below overflows.
  if (in > std::numeric_limits<std::int64_t>::max() / 64) {
    throw bad_input("rows are too long for the memory of any machine", "rows");
  }
  std::size_t row_size = 0;
  switch (format) {
    case RowFormat::f32: row_size = round_to_odd_lines(static_cast<std::size_t>(in) * 4); break;
    case RowFormat::q8_block32: row_size = layout_block32(in).bytes; break;
    case RowFormat::q8_block256: row_size = layout_block256(in).bytes; break;
  }
  const std::size_t needed = checked_product(row_size, static_cast<std::size_t>(rows + kSpareRows));
  if (needed > capacity_) {
    // Zeroed once, so that spare rows are never uninitialised memory.
    storage_ = allocate_bytes(needed);
    std::memset(storage_.get(), 0, needed);
    capacity_ = needed;
  }
  format_ = format;
  rows_ = rows;
  in_ = in;
  row_bytes_ = row_size;
}

void RowBuffer::convert(const float* x, std::int64_t stride, Range range) {
  const auto convert_row = kernels().convert[static_cast<std::size_t>(format_)];
  for (std::int64_t t = range.begin; t < range.end; ++t) convert_row(x + t * stride, in_, row(t));
}

void multiply(const PackedMatrix& w, const RowBuffer& x, float* y, std::int64_t stride, Range rows,
              Range panels, bool accumulate) {
  if (rows.begin >= rows.end || panels.begin >= panels.end) return;
  if (x.format() != w.row_format() || x.in() != w.in() || rows.begin < 0 || rows.end > x.rows() ||
      panels.begin < 0 || panels.end > w.panels()) {
    throw Error(ErrorKind::internal,
                fmt::format("rows [{}, {}) of {} in ({} values, format {}) do not fit panels "
                            "[{}, {}) of a {} by {} weight in {}",
                            rows.begin, rows.end, x.rows(), x.in(), static_cast<int>(x.format()),
                            panels.begin, panels.end, w.out(), w.in(), info(w.dtype()).name),
                "matrix multiplication");
  }
  const MatmulTask task{.weights = w.panel(0),
                        .panel_bytes = w.panel_bytes(),
                        .out = w.out(),
                        .in = w.in(),
                        .rows = x.row(0),
                        .row_bytes = x.row_bytes(),
                        .y = y,
                        .stride = stride,
                        .row_range = rows,
                        .panel_range = panels,
                        .accumulate = accumulate};
  kernels().multiply[static_cast<std::size_t>(w.dtype())](task);
}

}  // namespace jielong
