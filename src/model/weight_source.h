#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "model/tensor_file.h"
#include "tensor/weight.h"

namespace jielong {

/// How a family's tensors are called in Hugging Face files: pairs of stems, GGUF's first,
/// "{}" for the layer and "{e}" for the expert. ".weight" and ".bias" follow unchanged.
struct TensorName {
  std::string_view gguf, hugging_face;
};

/// A model's parameters by their GGUF names, from either kind of file, every shape
/// checked against what the architecture expects.
class WeightSource {
 public:
  /// How Hugging Face files of a family differ from GGUF ones. Names empty: a GGUF file.
  struct Dialect {
    std::span<const TensorName> names;
    bool transposed = false;     ///< linear weights are stored (in, out), as in GPT-2
    bool gain_plus_one = false;  ///< norms multiply by 1 + gain, as in Gemma
  };

  WeightSource(std::shared_ptr<const TensorFile> file, Dialect dialect);

  bool has(const std::string& name) const;

  /// A linear map's matrix (out, in). Throws Error naming the tensor when it is missing or of
  /// another shape.
  Weight matrix(const std::string& name, std::int64_t out, std::int64_t in) const;
  /// `out` rows of it from `first_row` on, the whole having `total` rows: one part of a fused
  /// matrix.
  Weight rows(const std::string& name, std::int64_t total, std::int64_t in, std::int64_t first_row,
              std::int64_t out) const;
  /// A table of rows, never transposed: embeddings.
  Weight table(const std::string& name, std::int64_t entries, std::int64_t channels) const;
  /// One expert's matrix (out, in). GGUF keeps all experts in one tensor
  /// (experts, out, in), Hugging Face one tensor for each.
  Weight expert(const std::string& name, std::int64_t expert, std::int64_t experts,
                std::int64_t out, std::int64_t in) const;

  WeightVector vector(const std::string& name, std::int64_t count) const;
  /// `count` values of it from `first` on, the whole having `total`.
  WeightVector part(const std::string& name, std::int64_t total, std::int64_t first,
                    std::int64_t count) const;
  /// A norm's gain.
  WeightVector gain(const std::string& name, std::int64_t count) const;

  /// The rows of a table there is: the vocabulary's size when metadata do not tell.
  std::int64_t rows_of(const std::string& name) const;
  const std::filesystem::path& path() const { return file_->path(); }

 private:
  bool is_gguf() const { return dialect_.names.empty(); }
  std::string file_name(const std::string& name, std::int64_t expert = 0) const;
  const TensorInfo& require(const std::string& name, std::int64_t expert = 0) const;
  Weight mapped(const std::string& name, const TensorInfo& info, std::int64_t out, std::int64_t in,
                std::span<const std::byte> data) const;

  std::shared_ptr<const TensorFile> file_;
  Dialect dialect_;
};

}  // namespace jielong
