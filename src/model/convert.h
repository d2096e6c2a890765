#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tensor/dtype.h"

namespace jielong {

struct ConvertProgress {
  std::string tensor;                             ///< being written
  std::size_t done = 0, total = 0;                ///< tensors
  std::uint64_t bytes_done = 0, bytes_total = 0;  ///< of the output's tensor data
};

struct ConvertOptions {
  std::filesystem::path input;
  /// A path that ends in ".gguf" becomes a GGUF file, anything else a folder in Hugging Face
  /// layout.
  std::filesystem::path output;
  /// One of recipes(): "q4_k_m", "f16", …; empty keeps the types of the input.
  std::string type;
  /// Quantize again what is quantized already, which loses more than quantizing once.
  bool allow_requantize = false;
  /// The recipe's plain type for every tensor, no mix.
  bool pure = false;
  /// Writes several files, <name>-00001-of-0000N, of at most so many bytes and tensors; 0:
  /// no limit. A tensor larger than the limit gets a file to itself.
  std::uint64_t split_bytes = 0;
  std::size_t split_tensors = 0;
  int threads = 0;  ///< 0: as many as the machine has
  /// Called before each tensor; throwing from it stops the work and leaves no output.
  std::function<void(const ConvertProgress&)> progress;
};

struct ConvertReport {
  std::size_t tensors = 0;
  std::uint64_t bytes_in = 0, bytes_out = 0;  ///< tensor data
  std::map<DType, std::size_t> types;         ///< how many tensors have each type
  std::vector<std::filesystem::path> files;   ///< that hold the weights, the first part first
  std::vector<std::string> notes;             ///< what was left out or replaced, for people
};

/// Converts a model between GGUF and Hugging Face layout, with or without a change of
/// element types. The output appears whole or not at all. Throws Error that names what
/// cannot be converted.
ConvertReport convert(const ConvertOptions& options);

}  // namespace jielong
