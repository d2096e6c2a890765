#include "model/model_identity.h"

#include <algorithm>
#include <filesystem>
#include <span>
#include <vector>

#include "base/sha256.h"
#include "model/split_name.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_of(const fs::path& path) {
  std::vector<fs::path> files;
  if (fs::is_directory(path)) {
    for (const auto& entry : fs::directory_iterator(path)) {
      const fs::path& file = entry.path();
      if (file.extension() == ".safetensors" || file.filename() == "config.json") {
        files.push_back(file);
      }
    }
  } else {
    files.push_back(path);
    if (const auto name = parse_split_name(path.stem().string())) {
      for (unsigned part = 1; part <= name->parts; ++part) {
        const fs::path other = path.parent_path() / (split_name(name->stem, part, name->parts) +
                                                     path.extension().string());
        if (part != name->part && fs::exists(other)) files.push_back(other);
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
