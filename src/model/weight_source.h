#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/weight.h"

namespace jielong {

/// How a family's tensors are called in Hugging Face files: pairs of stems, GGUF's first,
/// "{}" for the layer and "{e}" for the expert. ".weight" and ".bias" follow unchanged.
struct TensorName {
  std::string_view gguf, hugging_face;
};

/// Where layers get their parameters from, by their GGUF names: a mapped file (file_weights.h), or
/// memory that training changes (trainable_weights.h).
class WeightSource {
 public:
  /// How Hugging Face files of a family differ from GGUF ones. Names empty: a GGUF file.
  struct Dialect {
    std::span<const TensorName> names;
    bool transposed = false;     ///< linear weights are stored (in, out), as in GPT-2
    bool gain_plus_one = false;  ///< norms multiply by 1 + gain, as in Gemma
  };

  virtual ~WeightSource() = default;

  virtual bool has(const std::string& name) const = 0;

  /// A linear map's matrix (out, in). Throws Error naming the tensor when it is missing or of
  /// another shape.
  Weight matrix(const std::string& name, std::int64_t out, std::int64_t in) const {
    return rows(name, out, in, 0, out);
  }
  /// `out` rows of it from `first_row` on, the whole having `total` rows: one part of a fused
  /// matrix.
  virtual Weight rows(const std::string& name, std::int64_t total, std::int64_t in,
                      std::int64_t first_row, std::int64_t out) const = 0;
  /// A table of rows, never transposed: embeddings.
  virtual Weight table(const std::string& name, std::int64_t entries,
                       std::int64_t channels) const = 0;
  /// One expert's matrix (out, in). GGUF keeps all experts in one tensor
  /// (experts, out, in), Hugging Face one tensor for each.
  virtual Weight expert(const std::string& name, std::int64_t expert, std::int64_t experts,
                        std::int64_t out, std::int64_t in) const = 0;

  WeightVector vector(const std::string& name, std::int64_t count) const {
    return part(name, count, 0, count);
  }
  /// `count` values of it from `first` on, the whole having `total`.
  WeightVector part(const std::string& name, std::int64_t total, std::int64_t first,
                    std::int64_t count) const {
    return values(name, {total}, first, count);
  }
  /// `count` values from `first` on of a tensor of this shape that no matrix product reads, such as
  /// the taps of a convolution. A file may leave dimensions of 1 out, or have all values in a row.
  virtual WeightVector values(const std::string& name, const std::vector<std::int64_t>& shape,
                              std::int64_t first, std::int64_t count) const = 0;
  /// Rows of a matrix of `total` rows, picked in any order: parts that a file interleaves. Throws
  /// Error(unsupported) where parameters are views and the picks do not follow each other.
  virtual Weight picked_rows(const std::string& name, std::int64_t total, std::int64_t in,
                             std::span<const std::int64_t> picks) const = 0;
  /// A norm's gain.
  virtual WeightVector gain(const std::string& name, std::int64_t count) const = 0;
  /// Values that are no parameters, such as divisors of rotary frequencies.
  virtual std::vector<float> constants(const std::string& name, std::int64_t count) const = 0;

  /// The rows of a table there is: the vocabulary's size when metadata do not tell.
  virtual std::int64_t rows_of(const std::string& name) const = 0;
  /// For messages.
  virtual const std::filesystem::path& path() const = 0;
};

}  // namespace jielong
