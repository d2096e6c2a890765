#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/store/answers.h"

namespace jielong::store {

/// The files of a repository that make one model.
struct Selection {
  std::vector<HubFile> files;
  /// What to load, among the files' paths: a GGUF file (the first of a split), or empty for
  /// the folder of a safetensors model.
  std::string main;
  std::string variant;  ///< "Q4_K_M", a file's name, or empty for safetensors
  std::uint64_t bytes = 0;
};

/// Chooses by `variant`: a file's name, a quantization ("q4_k_m"), or empty for the usual
/// one. GGUF goes before safetensors. Throws Error(not_found | unsupported) that lists what
/// there is.
Selection select_model(const std::vector<HubFile>& files, std::string_view variant,
                       const std::string& where);

/// The quantization a GGUF file's name tells, in capitals ("Q4_K_M", "F16"), or empty.
std::string quantization_of(std::string_view path);

}  // namespace jielong::store
