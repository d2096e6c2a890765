#include "model/convert/row_source.h"

#include <algorithm>
#include <cmath>

#include "base/file.h"
#include "tensor/quant/dequantize.h"

namespace jielong {
namespace {

/// The input row that becomes output row `row` when the rows of each head change places.
std::int64_t reordered(RowChange change, std::int64_t row, std::int64_t rows, std::int64_t heads) {
  const std::int64_t size = rows / heads, head = row / size * size, in_head = row % size;
  if (change == RowChange::interleave) return head + in_head / 2 + in_head % 2 * (size / 2);
  return head + in_head % (size / 2) * 2 + in_head / (size / 2);
}

}  // namespace

std::int64_t RowSource::rows() const {
  std::int64_t product = 1;
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) product *= shape[i];
  return product;
}

bool RowSource::keeps_bytes() const {
  const bool vector = shape.size() < 2;
  return values.empty() &&
         (change == RowChange::none ||
          (!vector && (change == RowChange::interleave || change == RowChange::separate)));
}

const TensorInfo& RowSource::part_of(std::int64_t row, std::int64_t& row_in_part) const {
  const std::int64_t rows_each = rows() / static_cast<std::int64_t>(parts.size());
  row_in_part = row % rows_each;
  if (change == RowChange::interleave || change == RowChange::separate) {
    row_in_part = reordered(change, row_in_part, rows_each, heads);
  }
  row_in_part += first_row;
  return *parts[static_cast<std::size_t>(row / rows_each)];
}

std::span<const std::byte> RowSource::row_bytes_of(std::int64_t row) const {
  std::int64_t row_in_part = 0;
  const TensorInfo& part = part_of(row, row_in_part);
  const std::size_t bytes = row_bytes(part.dtype, columns());
  return part.data.subspan(static_cast<std::size_t>(row_in_part) * bytes, bytes);
}

void RowSource::read_row(std::int64_t row, float* out) const {
  const std::int64_t n = columns();
  const std::vector<float>& made = values.empty() ? turned_ : values;
  if (!made.empty()) {
    std::copy_n(made.begin() + row * n, n, out);
    return;
  }
  dequantize_row(dtype(), row_bytes_of(row).data(), out, n);
  const float shift = change == RowChange::add_one        ? 1.0f
                      : change == RowChange::subtract_one ? -1.0f
                                                          : 0.0f;
  if (shift != 0) {
    for (std::int64_t i = 0; i < n; ++i) out[i] += shift;
  }
  if (change == RowChange::negative_exp) {
    for (std::int64_t i = 0; i < n; ++i) out[i] = -std::exp(out[i]);
  } else if (change == RowChange::log_negative) {
    // Training may bring A to 0 and above, where it counts as 0.
    constexpr float kLeast = 1e-30f;
    for (std::int64_t i = 0; i < n; ++i) out[i] = std::log(std::max(-out[i], kLeast));
  }
}

void RowSource::prepare() {
  if (!values.empty()) return;
  const bool is_reorder = change == RowChange::interleave || change == RowChange::separate;
  const bool reordered_vector = is_reorder && shape.size() < 2;
  if (change != RowChange::transpose && !reordered_vector) return;
  const TensorInfo& part = *parts.front();
  const std::int64_t count = part.elements();
  std::vector<float> all(static_cast<std::size_t>(count));
  dequantize_row(part.dtype, part.data.data(), all.data(), count);
  turned_.resize(all.size());
  // A vector's values change places as a matrix's rows do.
  const std::int64_t out_rows = reordered_vector ? count : rows();
  const std::int64_t in_rows = reordered_vector ? 1 : columns();
  for (std::int64_t o = 0; o < out_rows; ++o) {
    for (std::int64_t i = 0; i < in_rows; ++i) {
      const std::int64_t from =
          reordered_vector ? reordered(change, o, count, heads) : i * out_rows + o;
      turned_[static_cast<std::size_t>(o * in_rows + i)] = all[static_cast<std::size_t>(from)];
    }
  }
}

void RowSource::release() {
  turned_ = {};
  for (const TensorInfo* part : parts) {
    if (part->mapped) forget_mapped(part->data);
  }
}

}  // namespace jielong
