#pragma once

#include <filesystem>
#include <string>

#include "model/model.h"

namespace jielong {

/// Writes a model under training with the values its parameters have now, as a GGUF file when the
/// path ends in ".gguf", else as a folder in Hugging Face layout; with its tokenizer, whole or not
/// at all. `type` is one of recipes(): "f32", "bf16", "q8_0", …; folders take the first three
/// kinds, f32, f16 and bf16. Throws Error(bad_input) for a model that is not trainable,
/// Error(unsupported) for one that the layout cannot express, Error(io).
void save_model(const Model& model, const std::filesystem::path& path,
                const std::string& type = "f32");

}  // namespace jielong
