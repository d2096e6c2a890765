#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace jielong {

/// What a file holds, by the end of its name.
enum class DataFileKind : std::uint8_t { text, json_lines, parquet };

struct DataFile {
  std::filesystem::path path;
  DataFileKind kind = DataFileKind::text;
  std::uint64_t bytes = 0;
};

/// The files that `paths` name: files, folders (all below them that end in .txt, .md, .jsonl,
/// .ndjson or .parquet, the first four maybe with .gz or .zst) and patterns with *, ? or [. Sorted
/// by path, each once. Throws Error(not_found) for a path that names nothing.
std::vector<DataFile> find_data_files(const std::vector<std::string>& paths);

}  // namespace jielong
