#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tensor/dtype.h"
#include "tensor/matmul.h"

namespace jielong {

/// A named matrix of parameters W (out, in), as it lies in its file. Layers that multiply
/// with it pack it once; layers that only look rows up read them from the file's mapping.
struct Weight {
  std::string name;
  DType dtype = DType::f32;
  std::int64_t out = 0;
  std::int64_t in = 0;
  std::span<const std::byte> stored;  ///< `out` rows of `in` values
  std::shared_ptr<const void> owner;  ///< keeps `stored` alive: a mapped file or a buffer
  bool mapped = false;                ///< `stored` lies in a mapped file
  PackedMatrix packed;

  explicit operator bool() const { return out > 0; }
  /// The values (out, in) of a matrix that is not packed and lies in memory as f32, as under
  /// training; null for every other.
  const float* plain() const;
  /// Row `index` as f32, (in).
  void row(std::int64_t index, float* values) const;
};

/// A named vector of parameters in f32: a norm's gain, a bias. Copies show the same values.
struct WeightVector {
  std::string name;
  std::span<const float> values;
  std::shared_ptr<const void> owner;  ///< keeps `values` alive

  /// One that owns its values.
  static WeightVector of(std::string name, std::vector<float> values);

  explicit operator bool() const { return !values.empty(); }
  const float* data() const { return values.data(); }
};

}  // namespace jielong
