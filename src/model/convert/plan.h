#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/convert/recipe.h"
#include "model/convert/row_source.h"
#include "model/metadata_builder.h"

namespace jielong {

/// Everything that a conversion writes but the element types.
struct ConversionPlan {
  std::vector<RowSource> tensors;
  ModelTraits traits;
  MetadataBuilder metadata;  ///< for GGUF
  /// Small files beside the weights, for the Hugging Face layout: name and text.
  std::vector<std::pair<std::string, std::string>> files;
  std::vector<std::string> notes;
  /// Keeps what the tensors point into alive.
  std::shared_ptr<const void> source;
};

ConversionPlan plan_gguf_to_gguf(const std::filesystem::path& path);
/// The same for tensors and metadata in memory, which the plan refers to.
ConversionPlan plan_gguf_to_gguf(std::shared_ptr<const TensorFile> file, const Metadata& metadata);
ConversionPlan plan_folder_to_gguf(const std::filesystem::path& path);
/// @param dtype  f32, f16 or bf16: what config.json will say of the weights
ConversionPlan plan_gguf_to_folder(const std::filesystem::path& path, DType dtype);
ConversionPlan plan_gguf_to_folder(std::shared_ptr<const TensorFile> file, const Metadata& metadata,
                                   DType dtype);
/// @param dtype  the new type of all weights, if they get one
ConversionPlan plan_folder_to_folder(const std::filesystem::path& path, std::optional<DType> dtype);

}  // namespace jielong
