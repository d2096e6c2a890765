#include "model/model_identity.h"

#include <algorithm>
#include <filesystem>
#include <span>
#include <vector>

#include "base/sha256.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

/// What the parts of a split GGUF model have in common: their name from "-of-" on, and how
/// long it is before the part's number. Empty where there are no parts.
struct PartName {
  std::string before, after;
};

PartName part_name(const fs::path& path) {
  const std::string name = path.filename().string();
  const std::size_t of = name.rfind("-of-");
  constexpr std::size_t kNumber = 5;
  if (of == std::string::npos || of < kNumber + 1 || name[of - kNumber - 1] != '-') return {};
  return {name.substr(0, of - kNumber), name.substr(of)};
}

std::vector<fs::path> files_of(const fs::path& path) {
  std::vector<fs::path> files;
  if (fs::is_directory(path)) {
    for (const auto& entry : fs::directory_iterator(path)) {
      const fs::path file = entry.path();
      if (file.extension() == ".safetensors" || file.filename() == "config.json") {
        files.push_back(file);
      }
    }
  } else {
    files.push_back(path);
    const PartName wanted = part_name(path);
    if (!wanted.after.empty()) {
      const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
      for (const auto& entry : fs::directory_iterator(folder)) {
        const PartName other = part_name(entry.path());
        const bool sibling = other.before == wanted.before && other.after == wanted.after;
        if (sibling && entry.path().filename() != path.filename()) files.push_back(entry.path());
      }
    }
  }
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return a.filename().string() < b.filename().string();
  });
  return files;
}

}  // namespace

std::string identity_of(const Model& model) {
  Sha256 all;
  for (const fs::path& file : files_of(model.path())) {
    const std::string digest = sha256_of_file(file);
    all.update(std::as_bytes(std::span(digest.data(), digest.size())));
  }
  return all.digest();
}

}  // namespace jielong
