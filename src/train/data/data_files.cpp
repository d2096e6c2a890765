#include "train/data/data_files.h"

#include <glob.h>

#include <algorithm>
#include <optional>
#include <system_error>

#include "base/error.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

/// The kind of a file with a known name.
std::optional<DataFileKind> kind_of(fs::path path) {
  if (path.extension() == ".parquet") return DataFileKind::parquet;
  if (path.extension() == ".gz" || path.extension() == ".zst") path.replace_extension();
  const std::string extension = path.extension().string();
  if (extension == ".jsonl" || extension == ".ndjson") return DataFileKind::json_lines;
  if (extension == ".txt" || extension == ".md") return DataFileKind::text;
  return std::nullopt;
}

void add_file(std::vector<DataFile>& out, const fs::path& path, DataFileKind kind) {
  std::error_code ignored;
  const auto bytes = fs::file_size(path, ignored);
  out.push_back({path, kind, ignored ? 0 : bytes});
}

void add_path(std::vector<DataFile>& out, const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    // A file that is named is read, whatever it is called.
    return add_file(out, path, kind_of(path).value_or(DataFileKind::text));
  }
  const std::size_t before = out.size();
  for (const auto& entry : fs::recursive_directory_iterator(path, error)) {
    std::error_code ignored;
    const auto kind = kind_of(entry.path());
    if (kind && entry.is_regular_file(ignored)) add_file(out, entry.path(), *kind);
  }
  if (error) throw Error(ErrorKind::io, "cannot be listed: " + error.message(), path.string());
  if (out.size() == before) {
    throw Error(ErrorKind::not_found, "holds no .txt, .md, .jsonl, .ndjson or .parquet file",
                path.string(), "name the files themselves if they are called otherwise");
  }
}

std::vector<fs::path> expand(const std::string& pattern) {
  glob_t found{};
  const int result = ::glob(pattern.c_str(), 0, nullptr, &found);
  std::vector<fs::path> paths;
  for (std::size_t i = 0; i < found.gl_pathc; ++i) paths.emplace_back(found.gl_pathv[i]);
  ::globfree(&found);
  if (result != 0 || paths.empty()) {
    throw Error(ErrorKind::not_found, "no file fits this pattern", pattern, "check the path");
  }
  return paths;
}

}  // namespace

std::vector<DataFile> find_data_files(const std::vector<std::string>& paths) {
  if (paths.empty()) throw bad_input("there are no files", "paths", "name files or folders");
  std::vector<DataFile> out;
  for (const std::string& path : paths) {
    std::error_code ignored;
    if (fs::exists(path, ignored)) {
      add_path(out, path);
    } else if (path.find_first_of("*?[") != std::string::npos) {
      for (const fs::path& found : expand(path)) add_path(out, found);
    } else {
      throw Error(ErrorKind::not_found, "is not there", path, "check the path");
    }
  }
  const auto less = [](const DataFile& a, const DataFile& b) { return a.path < b.path; };
  std::sort(out.begin(), out.end(), less);
  out.erase(std::unique(out.begin(), out.end(),
                        [](const DataFile& a, const DataFile& b) { return a.path == b.path; }),
            out.end());
  return out;
}

}  // namespace jielong
