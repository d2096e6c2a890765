#pragma once

#include <memory>
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
ConversionPlan plan_folder_to_gguf(const std::filesystem::path& path);
ConversionPlan plan_gguf_to_folder(const std::filesystem::path& path);
ConversionPlan plan_folder_to_folder(const std::filesystem::path& path);

}  // namespace jielong
