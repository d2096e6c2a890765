#pragma once

#include <cstdint>

namespace jielong {

/// Activations: a (rows, channels) matrix of f32, one row a token, rows one after the
/// other. A view; the arena of the pass owns the memory.
struct Tensor {
  float* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t channels = 0;

  float* row(std::int64_t index) const { return data + index * channels; }
  std::int64_t size() const { return rows * channels; }
  explicit operator bool() const { return data != nullptr; }
};

}  // namespace jielong
