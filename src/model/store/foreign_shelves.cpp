#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/quote.h"
#include "model/store/answers.h"
#include "model/store/select.h"
#include "model/store/shelf.h"

namespace jielong::store {
namespace {

namespace fs = std::filesystem;

/// The entries of a folder by name; none when it cannot be read.
std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    entries.push_back(entry->path());
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

/// The files of a snapshot as the Hub would list them.
std::vector<HubFile> snapshot_files(const fs::path& snapshot) {
  constexpr std::size_t kMaxFiles = 20'000;
  std::vector<HubFile> files;
  std::error_code error, ignored;
  for (fs::recursive_directory_iterator entry(snapshot, error), end; !error && entry != end;
       entry.increment(error)) {
    // Files are links into the cache's blobs; is_regular_file() looks through them.
    if (!entry->is_regular_file(ignored) || files.size() >= kMaxFiles) continue;
    const std::string path = entry->path().lexically_relative(snapshot).string();
    if (!is_safe_path(path)) continue;
    HubFile file;
    file.path = path;
    file.bytes = entry->file_size(ignored);
    files.push_back(std::move(file));
  }
  return files;
}

/// The snapshot that a revision (a branch, tag or commit) of a cached repository means.
fs::path snapshot_of(const fs::path& repository, const std::string& revision) {
  const std::string wanted = revision.empty() ? "main" : revision;
  std::error_code ignored;
  if (is_git_hash(wanted)) return repository / "snapshots" / wanted;
  const fs::path ref = repository / "refs" / wanted;
  if (!fs::is_regular_file(ref, ignored)) return {};
  std::string commit = read_file(ref, 4096);
  while (!commit.empty() && (commit.back() == '\n' || commit.back() == '\r')) commit.pop_back();
  // The file could hold any path; only a commit's name leads on.
  return is_git_hash(commit) ? repository / "snapshots" / commit : fs::path();
}

StoredModel from_selection(const Selection& selection, const fs::path& snapshot,
                           const ModelName& name) {
  StoredModel model;
  model.name = name.canonical();
  model.source = ModelSource::hugging_face;
  model.path = selection.main.empty() ? snapshot : snapshot / selection.main;
  for (const HubFile& file : selection.files) model.files.push_back(snapshot / file.path);
  model.bytes = selection.bytes;
  model.modified = modified_time(model.files.front());
  model.revision = snapshot.filename().string();
  model.origin = "https://huggingface.co/" + name.repo;
  return model;
}

fs::path manifest_path(const fs::path& store, const ModelName& name) {
  return store / "manifests" / name.host / name.space / name.model / name.tag;
}

}  // namespace

std::optional<StoredModel> hugging_face_model(const fs::path& cache, const ModelName& name) {
  std::string folder = "models--" + name.repo;
  if (const std::size_t slash = folder.find('/'); slash != folder.npos) {
    folder.replace(slash, 1, "--");
  }
  const fs::path snapshot = snapshot_of(cache / folder, name.revision);
  std::error_code ignored;
  if (snapshot.empty() || !fs::is_directory(snapshot, ignored)) return std::nullopt;
  try {
    return from_selection(select_model(snapshot_files(snapshot), name.variant, name.text), snapshot,
                          name);
  } catch (const Error&) {
    return std::nullopt;  // the cache holds other files of the repository only
  }
}

std::vector<StoredModel> hugging_face_models(const fs::path& cache) {
  std::vector<StoredModel> found;
  for (const fs::path& entry : entries_of(cache)) {
    std::string folder = entry.filename().string();
    if (!folder.starts_with("models--")) continue;
    folder.erase(0, 8);
    if (const std::size_t dashes = folder.find("--"); dashes != folder.npos) {
      folder.replace(dashes, 2, "/");
    }
    try {
      const ModelName name = parse_model_name("hf:" + folder);
      const fs::path snapshot = snapshot_of(entry, "");
      if (snapshot.empty()) continue;
      const std::vector<HubFile> files = snapshot_files(snapshot);
      std::vector<std::string> variants;
      for (const HubFile& file : files) {
        const std::string quantization = quantization_of(file.path);
        if (file.path.ends_with(".gguf") && !quantization.empty()) variants.push_back(quantization);
      }
      std::sort(variants.begin(), variants.end());
      variants.erase(std::unique(variants.begin(), variants.end()), variants.end());
      if (variants.empty()) variants.emplace_back();
      for (const std::string& variant : variants) {
        ModelName one = name;
        one.variant = variant;
        if (auto model = hugging_face_model(cache, one)) found.push_back(std::move(*model));
      }
    } catch (const Error&) {
      // Not a repository of models that we could name.
    }
  }
  return found;
}

std::optional<StoredModel> ollama_model(const fs::path& store, const ModelName& name) {
  const fs::path manifest = manifest_path(store, name);
  std::error_code ignored;
  if (!fs::is_regular_file(manifest, ignored)) return std::nullopt;
  const auto layers = parse_ollama_manifest(read_file(manifest, 4 << 20), manifest.string());
  StoredModel model;
  model.name = name.canonical();
  model.source = ModelSource::ollama;
  model.modified = modified_time(manifest);
  model.origin = fmt::format("https://{}/{}/{}", name.host, name.space, name.model);
  for (const OllamaLayer& layer : layers) {
    if (layer.kind != "model") continue;
    const fs::path blob = store / "blobs" / ("sha256-" + layer.sha256);
    const std::uintmax_t size = fs::file_size(blob, ignored);
    if (ignored || size != layer.bytes) {
      throw Error(ErrorKind::not_found, "its file is missing or not whole", blob.string(),
                  fmt::format("run 'ollama pull {}:{}' again", name.model, name.tag));
    }
    if (!model.files.empty()) continue;
    model.path = blob;
    model.files = {blob};
    model.bytes = layer.bytes;
    model.sha256 = layer.sha256;
  }
  if (model.files.empty()) {
    throw Error(ErrorKind::unsupported, "holds no model in one GGUF file", manifest.string());
  }
  return model;
}

std::vector<StoredModel> ollama_models(const fs::path& store) {
  std::vector<StoredModel> found;
  for (const fs::path& host : entries_of(store / "manifests")) {
    for (const fs::path& space : entries_of(host)) {
      for (const fs::path& model : entries_of(space)) {
        for (const fs::path& tag : entries_of(model)) {
          try {
            const ModelName name = parse_model_name(fmt::format(
                "ollama:{}/{}/{}:{}", host.filename().string(), space.filename().string(),
                model.filename().string(), tag.filename().string()));
            if (auto one = ollama_model(store, name)) found.push_back(std::move(*one));
          } catch (const Error&) {
            // Other things, or models that are not whole.
          }
        }
      }
    }
  }
  return found;
}

}  // namespace jielong::store
