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

/// Takes tensors as a stream: all are announced first, then their bytes follow in that
/// order, in pieces of any size. What is made of them appears whole under its name at
/// finish(), or not at all.
class TensorSink {
 public:
  TensorSink() = default;
  TensorSink(const TensorSink&) = delete;
  TensorSink& operator=(const TensorSink&) = delete;
  virtual ~TensorSink() = default;

  /// To be called once. Throws Error(bad_input) for a name or shape that the format cannot
  /// hold.
  virtual void begin(std::vector<TensorPlan> tensors) = 0;
  /// Bytes of the tensor whose turn it is, or of several: borders are found by size.
  virtual void write(std::span<const std::byte> bytes) = 0;
  /// Throws Error(internal) when bytes are missing, Error(io) when the disk is full.
  virtual void finish() = 0;
};

/// Writes one file.
class TensorWriter : public TensorSink {
 public:
  void begin(std::vector<TensorPlan> tensors) override;
  void write(std::span<const std::byte> bytes) override;
  void finish() override;

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
