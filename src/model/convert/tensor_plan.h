#pragma once

#include <string>
#include <vector>

#include "model/convert/row_source.h"
#include "model/family.h"

namespace jielong {

/// The tensors of a model in the other convention: Hugging Face's names, row order and gains
/// to GGUF's, or back. Names come from the family's own table.

/// @param notes  receives what was left out on purpose
/// Throws Error(unsupported) naming a tensor that would be lost.
std::vector<RowSource> plan_gguf_tensors(const TensorFile& file, const Family& family,
                                         const Hyperparameters& hyper, bool tied_embeddings,
                                         std::vector<std::string>& notes);

std::vector<RowSource> plan_hugging_face_tensors(const TensorFile& file, const Family& family,
                                                 const Hyperparameters& hyper);

}  // namespace jielong
