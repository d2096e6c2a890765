#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "model/tensor_file.h"

namespace jielong {

/// Safetensors, mapped read-only: a single file, or with a `*.safetensors.index.json` all
/// the files it names. Format: the safetensors specification.
///
/// Throws Error(bad_input) with the byte offset or tensor concerned for anything that does
/// not fit, before memory is allocated for it. Tensors of element types that Jielong does
/// not read are listed but refused when asked for.
class SafetensorsFile : public TensorFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);

  /// The free-form `__metadata__` strings of the (first) file.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  void add_part(const std::filesystem::path& path);
  void add_shards(const std::filesystem::path& index);

  std::map<std::string, std::string> metadata_;
};

/// The small files of a folder in Hugging Face layout.
class TextFolder {
 public:
  explicit TextFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}

  const std::filesystem::path& path() const { return folder_; }
  /// Such as "tokenizer.json"; nothing when it is not there.
  std::optional<std::string> text(std::string_view name) const;

 private:
  std::filesystem::path folder_;
};

/// A model in Hugging Face layout: config.json, safetensors, tokenizer files.
class ModelFolder : public TextFolder {
 public:
  /// Throws Error(not_found) when config.json or the weights are missing.
  explicit ModelFolder(std::filesystem::path folder);

  /// The text of config.json.
  const std::string& config() const { return config_; }
  const SafetensorsFile& tensors() const { return tensors_; }

 private:
  std::string config_;
  SafetensorsFile tensors_;
};

}  // namespace jielong
