#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/store/names.h"
#include "model/store/store.h"

namespace jielong::store {

// Models in the three places they can lie. The two caches of other programs are only read.

/// What a folder of ours says about the model in it: `model.json`, written last, so that a
/// folder without it is not a model yet.
struct Label {
  struct File {
    std::string path;
    std::uint64_t bytes = 0;
    std::string sha256;
  };
  std::string name, main, origin, revision, licence;
  std::vector<File> files;
};
inline constexpr std::string_view kLabelFile = "model.json";

std::string write_label(const Label& label);
/// Throws Error(bad_input), also for paths that would leave the folder.
Label read_label(std::string_view text, const std::string& where);

/// The model in a folder of ours, if it is whole: every file there with its size.
std::optional<StoredModel> shelved_model(const std::filesystem::path& folder);
/// All of ours: folders with a label, and GGUF files that somebody put beside them.
std::vector<StoredModel> shelved_models(const std::filesystem::path& models);

/// A model in the Hugging Face cache. Throws Error when it is there but cannot be used.
std::optional<StoredModel> hugging_face_model(const std::filesystem::path& cache,
                                              const ModelName& name);
std::vector<StoredModel> hugging_face_models(const std::filesystem::path& cache);

/// A model in Ollama's store.
std::optional<StoredModel> ollama_model(const std::filesystem::path& store, const ModelName& name);
std::vector<StoredModel> ollama_models(const std::filesystem::path& store);

/// Seconds since 1970 of a file's last change; 0 when unknown.
std::int64_t modified_time(const std::filesystem::path& path);

}  // namespace jielong::store
