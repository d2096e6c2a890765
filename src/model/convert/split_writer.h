#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "model/metadata_builder.h"
#include "model/tensor_writer.h"

namespace jielong {

/// When one file is enough; 0: no limit. A tensor is never cut, so one that is larger than
/// `bytes` gets a larger file to itself.
struct SplitLimits {
  std::uint64_t bytes = 0;  ///< of a file, headers included
  std::size_t tensors = 0;  ///< in a file

  bool any() const { return bytes > 0 || tensors > 0; }
};

/// How many tensors each file takes, in their order.
/// @param first_header  bytes that the first file holds beside its tensors and their entries
std::vector<std::size_t> split_tensors(const std::vector<TensorPlan>& tensors,
                                       const SplitLimits& limits, std::uint64_t first_header);

/// Passes a stream of tensors on to one file after another.
class SplitWriter : public TensorSink {
 public:
  /// Makes the writer of file `part` (from 0) of `parts`; `total` counts all their tensors.
  using Open = std::function<std::unique_ptr<TensorSink>(std::size_t part, std::size_t parts,
                                                         std::size_t total)>;

  SplitWriter(SplitLimits limits, std::uint64_t first_header, Open open);

  void begin(std::vector<TensorPlan> tensors) override;
  void write(std::span<const std::byte> bytes) override;
  void finish() override;

  /// Tensors of each file; known after begin().
  const std::vector<std::size_t>& sizes() const { return sizes_; }

 private:
  void open_next();

  SplitLimits limits_;
  std::uint64_t first_header_;
  Open open_;
  std::vector<TensorPlan> tensors_;
  std::vector<std::size_t> sizes_;
  std::size_t part_ = 0, first_ = 0;  ///< the next file, its first tensor
  std::unique_ptr<TensorSink> writer_;
  std::uint64_t left_ = 0;  ///< bytes that the current file still needs
};

/// A GGUF model in files named <stem>-00001-of-0000N.gguf, as llama.cpp splits them: the
/// first has the metadata, all say which part they are. They are written in a folder beside
/// their place and moved when all are whole, the first at last: without it the others are no
/// model to any reader.
class SplitGgufWriter final : public TensorSink {
 public:
  /// @param path  "<folder>/<stem>.gguf"
  SplitGgufWriter(const std::filesystem::path& path, const SplitLimits& limits,
                  MetadataBuilder metadata);
  ~SplitGgufWriter() override;

  void begin(std::vector<TensorPlan> tensors) override { writer_.begin(std::move(tensors)); }
  void write(std::span<const std::byte> bytes) override { writer_.write(bytes); }
  void finish() override;

  /// Where the files are, the first part first; known after begin().
  std::vector<std::filesystem::path> files() const;

 private:
  std::unique_ptr<TensorSink> open(std::size_t part, std::size_t parts, std::size_t total);

  std::filesystem::path folder_, temporary_;
  std::string stem_;
  MetadataBuilder metadata_;
  SplitWriter writer_;
};

}  // namespace jielong
