#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "model/metadata_builder.h"
#include "tensor/dtype.h"

namespace jielong {

/// A tensor to be written.
struct TensorPlan {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;  ///< outermost first

  /// Throws Error for a shape that the type cannot have.
  std::uint64_t bytes() const;
};

/// Writes tensors as a stream: all are announced first, then their bytes follow in that
/// order, in pieces of any size. The file appears whole under its name at finish(), or not
/// at all.
class TensorWriter {
 public:
  TensorWriter(const TensorWriter&) = delete;
  TensorWriter& operator=(const TensorWriter&) = delete;
  virtual ~TensorWriter() = default;

  /// Writes the header. To be called once. Throws Error(bad_input) for a name or shape that
  /// the format cannot hold.
  void begin(std::vector<TensorPlan> tensors);
  /// Bytes of the tensor whose turn it is, or of several: borders are found by size.
  void write(std::span<const std::byte> bytes);
  /// Throws Error(internal) when bytes are missing, Error(io) when the disk is full.
  void finish();

  std::uint64_t position() const { return file_.position(); }

 protected:
  /// @param alignment  of every tensor but the first, which the header aligns
  TensorWriter(const std::filesystem::path& path, std::uint64_t alignment)
      : file_(path), path_(path), alignment_(alignment) {}

  virtual std::string header(std::span<const TensorPlan> tensors) const = 0;
  const std::filesystem::path& path() const { return path_; }
  std::uint64_t alignment() const { return alignment_; }

 private:
  void next_tensor();

  AtomicFile file_;
  std::filesystem::path path_;
  std::uint64_t alignment_;
  std::vector<TensorPlan> tensors_;
  std::size_t current_ = 0;
  std::uint64_t left_ = 0;  ///< bytes that the current tensor still needs
};

/// GGUF version 3.
class GgufWriter final : public TensorWriter {
 public:
  GgufWriter(const std::filesystem::path& path, MetadataBuilder metadata);

 private:
  std::string header(std::span<const TensorPlan> tensors) const override;

  MetadataBuilder metadata_;
};

/// One safetensors file. Quantized types are refused: the format has none.
class SafetensorsWriter final : public TensorWriter {
 public:
  explicit SafetensorsWriter(const std::filesystem::path& path,
                             std::map<std::string, std::string> metadata = {{"format", "pt"}});

 private:
  std::string header(std::span<const TensorPlan> tensors) const override;

  std::map<std::string, std::string> metadata_;
};

}  // namespace jielong
