#pragma once

#include <optional>

#include "model/convert.h"
#include "model/convert/plan.h"

namespace jielong {

/// Writes what a plan lists. Without a recipe the types of the input stay.
/// @param plain_small  norms, biases and the like become f32 whatever they were
ConvertReport write_gguf(ConversionPlan& plan, const ConvertOptions& options,
                         const std::optional<Recipe>& recipe, bool plain_small);
ConvertReport write_folder(ConversionPlan& plan, const ConvertOptions& options,
                           const std::optional<Recipe>& recipe);

}  // namespace jielong
