#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/metadata.h"
#include "model/metadata_builder.h"
#include "model/tensor_file.h"
#include "tensor/parameters.h"

namespace jielong {

struct ConversionPlan;

/// What a model under training has beside its stack: θ in GGUF's names, shapes and row order, and
/// the metadata of the file that it will become.
struct Theta {
  Theta() = default;
  /// Reads every tensor of a model as f32.
  /// @param plan  of a conversion to GGUF
  explicit Theta(ConversionPlan& plan);
  Theta(const Theta&) = delete;
  Theta& operator=(const Theta&) = delete;

  void set_metadata(const MetadataBuilder& builder);

  Parameters parameters;
  /// Tensors that are no parameters: divisors of rotary frequencies.
  std::map<std::string, std::vector<float>> constants;
  std::string encoded;  ///< what `metadata` views
  Metadata metadata;
};

/// What an optimizer is told about the tensor of this name, outermost dimension first.
Parameter::Role role_of(const std::string& name, const std::vector<std::int64_t>& shape);

/// θ seen as the tensors of a GGUF file. The Theta must outlive it; tensors added later are not
/// seen.
class ThetaFile : public TensorFile {
 public:
  explicit ThetaFile(const Theta& theta, const std::filesystem::path& path);
};

}  // namespace jielong
