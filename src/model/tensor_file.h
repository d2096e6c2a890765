#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/file.h"
#include "tensor/dtype.h"

namespace jielong {

/// A named tensor inside a mapped file.
struct TensorInfo {
  std::string name;
  DType dtype = DType::f32;
  /// Outermost dimension first, as safetensors and PyTorch write it: a matrix is
  /// (out, in). Empty for a scalar. Every dimension is at least 1.
  std::vector<std::int64_t> shape;
  /// The stored values, row after row, inside the mapped file. Aligned to 8 bytes or more in GGUF;
  /// at any address in safetensors, so read it with memcpy or dequantize_row.
  std::span<const std::byte> data;
  bool mapped = true;  ///< `data` lies in a mapped file; else in memory that training changes

  std::int64_t elements() const;
  /// Elements of the innermost dimension, which quantized blocks never cross; 1 for a scalar.
  std::int64_t columns() const { return shape.empty() ? 1 : shape.back(); }
  std::int64_t rows() const { return elements() / columns(); }
};

/// Whether two shapes are the same once dimensions of 1 are left out.
bool same_but_for_ones(std::span<const std::int64_t> a, std::span<const std::int64_t> b);
/// "(49152, 576)", for messages.
std::string describe_shape(std::span<const std::int64_t> shape);

/// Tensors by name over one or more mapped files, whichever format they are in. Every
/// TensorInfo has been checked against its file: its bytes are there, no two overlap, no
/// name comes twice.
class TensorFile {
 public:
  /// The file that was opened; the first one of a split model.
  const std::filesystem::path& path() const { return path_; }

  /// In file order.
  std::span<const TensorInfo> tensors() const { return tensors_; }
  /// Nothing when there is no such tensor. Throws Error(unsupported) when it is there in
  /// an element type that Jielong cannot read.
  const TensorInfo* find(std::string_view name) const;
  /// Whether there is such a tensor, readable or not.
  bool contains(std::string_view name) const { return by_name_.contains(name); }
  /// Throws Error(not_found) that names file and tensor.
  const TensorInfo& require(std::string_view name) const;

  /// Sum of all tensors' stored bytes.
  std::uint64_t tensor_bytes() const;

 protected:
  explicit TensorFile(std::filesystem::path path) : path_(std::move(path)) {}
  ~TensorFile() = default;
  TensorFile(TensorFile&&) noexcept = default;
  TensorFile& operator=(TensorFile&&) noexcept = default;

  std::span<const std::byte> add_file(MappedFile file);
  /// Throws Error(bad_input) when the name is taken.
  void add_tensor(TensorInfo tensor, const std::filesystem::path& file);
  void add_unreadable(const std::string& name, std::string type, const std::filesystem::path& file);

 private:
  void claim_name(const std::string& name, std::size_t index, const std::filesystem::path& file);

  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const {
      return std::hash<std::string_view>()(name);
    }
  };
  static constexpr std::size_t kUnreadable = std::size_t{1} << 63;

  std::filesystem::path path_;
  std::vector<MappedFile> files_;
  std::vector<TensorInfo> tensors_;
  std::vector<std::string> unreadable_types_;
  /// name → index into tensors_, or kUnreadable + index into unreadable_types_
  std::unordered_map<std::string, std::size_t, NameHash, std::equal_to<>> by_name_;
};

/// What a path given as a model turns out to be.
enum class ModelFormat { gguf, safetensors };
struct ModelLocation {
  ModelFormat format;
  std::filesystem::path path;  ///< the (first) GGUF file, or the folder with config.json
};

/// Accepts a GGUF file, a folder in Hugging Face layout, a .safetensors file inside such
/// a folder, and a folder that holds exactly one GGUF model. Throws Error when it is none.
ModelLocation locate_model(const std::filesystem::path& path);

}  // namespace jielong
