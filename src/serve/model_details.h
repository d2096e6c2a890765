#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "base/json.h"
#include "model/store/store.h"

namespace jielong::serve {

/// What a model's file says about it, for lists.
struct ModelDetails {
  std::string format;        ///< "gguf" or "safetensors"
  std::string family;        ///< "llama"; empty when the file cannot be read
  std::string quantization;  ///< "Q4_K_M", "F16"
  std::int64_t parameters = 0;
};

/// Reads the header of a model's files, which are mapped and not loaded. Never throws for files
/// that are broken or gone: what they do not say stays empty.
ModelDetails inspect_model(const std::filesystem::path& path);

/// inspect_model() with a memory, since lists are asked for again and again. Any thread.
class ModelDetailsCache {
 public:
  ModelDetails of(const StoredModel& model);

 private:
  static constexpr std::size_t kMost = 1024;
  std::mutex mutex_;
  std::map<std::pair<std::string, std::int64_t>, ModelDetails> known_;  ///< by path and time
};

/// "134.5M", "7.6B".
std::string readable_count(std::int64_t parameters);

/// The metadata of a GGUF file as JSON, in which arrays are null unless `arrays`; an empty object
/// for other files. Throws Error when the file cannot be read.
OrderedJson model_metadata(const std::filesystem::path& path, bool arrays);

}  // namespace jielong::serve
