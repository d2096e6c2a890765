#pragma once

#include <cstdint>
#include <filesystem>

#include "model/metadata.h"
#include "model/tensor_file.h"

namespace jielong {

/// A GGUF model (versions 2 and 3, little endian), mapped read-only. Opening any part of
/// a split model (`name-00001-of-00003.gguf`) opens all its parts; the metadata are those
/// of the first. Format: the GGUF specification in ggml's documentation.
///
/// Throws Error(bad_input) with the byte offset, key or tensor concerned for anything that
/// does not fit, before memory is allocated for it; Error(unsupported) for version 1, big
/// endian and element types that Jielong does not read.
class GgufFile : public TensorFile {
 public:
  explicit GgufFile(const std::filesystem::path& path);

  std::uint32_t version() const { return version_; }
  const Metadata& metadata() const { return metadata_; }
  /// Files of the model; 1 unless split.
  int parts() const { return parts_; }

 private:
  /// Maps one file, adds its tensors and returns its metadata.
  Metadata add_part(const std::filesystem::path& path);

  Metadata metadata_;
  std::uint32_t version_ = 0;
  int parts_ = 1;
};

/// The values that MetadataBuilder::encode() wrote; they view `bytes`. Throws Error(bad_input).
Metadata parse_metadata(std::span<const std::byte> bytes, const std::string& where);

/// Whether the file begins with GGUF's magic. False when it cannot be read.
bool is_gguf(const std::filesystem::path& path);

}  // namespace jielong
