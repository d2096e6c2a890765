#pragma once

#include <cstdint>

namespace jielong {

/// Activations: a (rows, channels) matrix of f32, one row a token, `stride` floats from
/// row to row. A view; the arena of the pass owns the memory.
struct Tensor {
  float* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t channels = 0;
  std::int64_t stride = 0;

  float* row(std::int64_t index) const { return data + index * stride; }
  /// The `count` channels from `begin` on, of every row.
  Tensor columns(std::int64_t begin, std::int64_t count) const {
    return {data + begin, rows, count, stride};
  }
  explicit operator bool() const { return data != nullptr; }
};

}  // namespace jielong
