#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/tensor_file.h"

namespace jielong {

/// What happens to a tensor's rows between two conventions.
enum class RowChange : std::uint8_t {
  none,
  transpose,   ///< (in, out) to (out, in)
  interleave,  ///< of each head, rows i and i + n/2 become 2i and 2i + 1 (rotary pairs)
  separate,    ///< the other way
  add_one,     ///< gains stored without their 1
  subtract_one,
  negative_exp,  ///< log(−A) of a state space model to A
  log_negative   ///< and back
};

/// A tensor to be written, made from one stored tensor, from several one after another
/// (experts), or from values computed on the way.
struct RowSource {
  std::string name;                 ///< in the output
  std::vector<std::int64_t> shape;  ///< of the output, outermost first
  std::vector<const TensorInfo*> parts;
  RowChange change = RowChange::none;
  std::int64_t heads = 1;      ///< for interleave and separate
  std::int64_t first_row = 0;  ///< of a single part, when only some of its rows are taken
  std::vector<float> values;   ///< instead of parts

  DType dtype() const { return parts.empty() ? DType::f32 : parts.front()->dtype; }
  std::int64_t columns() const { return shape.empty() ? 1 : shape.back(); }
  std::int64_t rows() const;

  /// Whether stored rows can be taken over byte for byte (in some order).
  bool keeps_bytes() const;
  /// The stored bytes of output row `row`; only if keeps_bytes().
  std::span<const std::byte> row_bytes_of(std::int64_t row) const;
  /// Output row `row` as f32 (columns). To be called after prepare().
  void read_row(std::int64_t row, float* out) const;

  /// Widens what read_row() cannot address row by row. Frees it again with release().
  void prepare();
  void release();

 private:
  const TensorInfo& part_of(std::int64_t row, std::int64_t& row_in_part) const;

  std::vector<float> turned_;
};

}  // namespace jielong
