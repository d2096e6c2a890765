#include "train/checkpoint.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/sha256.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "step-";
constexpr std::string_view kMarker = "complete.json";
constexpr std::string_view kTemporary = ".partial";
constexpr std::uint64_t kMostMarkerBytes = 1 << 20;
constexpr int kFormat = 1;

[[noreturn]] void throw_io(std::string_view what, const fs::path& path, int code) {
  throw Error(ErrorKind::io, fmt::format("{}: {}", what, std::strerror(code)), path.string(),
              code == ENOSPC || code == EDQUOT ? "free some disk space and resume" : "");
}

/// Makes what happened to the names in a folder durable.
void sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) throw_io("cannot be opened", folder, errno);
  const int result = ::fsync(descriptor);
  const int code = errno;
  ::close(descriptor);
  if (result != 0) throw_io("cannot be written", folder, code);
}

void remove_folder(const fs::path& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  if (error) throw_io("cannot be removed", folder, error.value());
}

/// A checkpoint loses its marker first, durably, so that it is never taken for a complete one.
void remove_checkpoint(const fs::path& folder) {
  std::error_code error;
  fs::remove(folder / kMarker, error);
  if (error) throw_io("cannot be removed", folder / kMarker, error.value());
  sync_folder(folder);
  remove_folder(folder);
}

std::optional<std::int64_t> step_of(const std::string& name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  std::int64_t step = 0;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + kPrefix.size(), end, step);
  if (error != std::errc() || stop != end || step < 0) return std::nullopt;
  return step;
}

/// Folders named like checkpoints, complete or not, and what is left of unfinished ones.
struct Contents {
  std::vector<Checkpoint> complete;
  std::vector<fs::path> rests;
};

Contents contents_of(const fs::path& folder) {
  Contents contents;
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  if (error == std::errc::no_such_file_or_directory) return contents;
  if (error) throw_io("cannot be read", folder, error.value());
  for (const fs::directory_entry& entry : entries) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_directory(error)) continue;
    const auto step = step_of(name);
    if (step && fs::exists(entry.path() / kMarker, error)) {
      contents.complete.push_back({*step, entry.path()});
    } else if (step || (name.starts_with('.') && name.ends_with(kTemporary))) {
      contents.rests.push_back(entry.path());
    }
  }
  std::sort(contents.complete.begin(), contents.complete.end(),
            [](const Checkpoint& a, const Checkpoint& b) { return a.step < b.step; });
  return contents;
}

std::string marker_of(const fs::path& folder) {
  std::set<fs::path> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    names.insert(entry.path().filename());
  }
  Json files = Json::array();
  for (const fs::path& name : names) {
    files.push_back({{"name", name.string()},
                     {"bytes", fs::file_size(folder / name)},
                     {"sha256", sha256_of_file(folder / name)}});
  }
  return Json{{"format", kFormat}, {"files", files}}.dump(1) + "\n";
}

}  // namespace

std::vector<Checkpoint> list_checkpoints(const fs::path& folder) {
  return contents_of(folder).complete;
}

std::optional<Checkpoint> newest_checkpoint(const fs::path& folder) {
  const auto all = list_checkpoints(folder);
  return all.empty() ? std::nullopt : std::optional(all.back());
}

Checkpoint write_checkpoint(const fs::path& folder, std::int64_t step,
                            const std::function<void(const fs::path&)>& write) {
  const std::string name = fmt::format("{}{:08}", kPrefix, step);
  const Checkpoint checkpoint{step, folder / name};
  const fs::path temporary = folder / fmt::format(".{}{}", name, kTemporary);
  try {
    if (fs::create_directories(folder)) sync_folder(fs::absolute(folder).parent_path());
    remove_folder(temporary);
    fs::create_directory(temporary);
    write(temporary);
    const std::string marker = marker_of(temporary);
    sync_folder(temporary);
    if (fs::exists(checkpoint.folder)) remove_checkpoint(checkpoint.folder);
    fs::rename(temporary, checkpoint.folder);
    sync_folder(folder);
    write_file(checkpoint.folder / kMarker, marker);
  } catch (const std::exception& failure) {
    // Room for the next try; a rest that cannot be removed now is removed later.
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    if (!fs::exists(checkpoint.folder / kMarker, ignored)) {
      fs::remove_all(checkpoint.folder, ignored);
    }
    if (const auto* error = dynamic_cast<const fs::filesystem_error*>(&failure)) {
      throw_io("cannot be written", error->path1(), error->code().value());
    }
    throw;
  }
  return checkpoint;
}

std::vector<CheckpointFile> parse_checkpoint_marker(std::string_view text,
                                                    const std::string& where) {
  const auto require = [&](bool holds) {
    if (!holds) {
      throw bad_input("is not what a complete checkpoint says of itself", where,
                      "resume from an earlier checkpoint");
    }
  };
  const Json marker = parse_json(text, where);
  require(marker.is_object() && marker.contains("format") && marker["format"] == kFormat &&
          marker.contains("files") && marker["files"].is_array());
  std::vector<CheckpointFile> files;
  for (const Json& entry : marker["files"]) {
    require(entry.is_object() && entry.contains("name") && entry["name"].is_string() &&
            entry.contains("bytes") && entry["bytes"].is_number_unsigned() &&
            entry.contains("sha256") && entry["sha256"].is_string());
    CheckpointFile file{entry["name"].get<std::string>(), entry["bytes"].get<std::uint64_t>(),
                        entry["sha256"].get<std::string>()};
    require(!file.name.empty() && file.name != "." && file.name != ".." &&
            file.name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos);
    files.push_back(std::move(file));
  }
  return files;
}

void verify_checkpoint(const Checkpoint& checkpoint) {
  const fs::path marker = checkpoint.folder / kMarker;
  for (const CheckpointFile& file :
       parse_checkpoint_marker(read_file(marker, kMostMarkerBytes), marker.string())) {
    const fs::path path = checkpoint.folder / file.name;
    std::error_code error;
    if (fs::file_size(path, error) != file.bytes || error || sha256_of_file(path) != file.sha256) {
      throw bad_input("is damaged: it is not what was written", path.string(),
                      "resume from an earlier checkpoint");
    }
  }
}

void set_aside(const Checkpoint& checkpoint) {
  const fs::path parent = checkpoint.folder.parent_path();
  const fs::path place = parent / ("damaged-" + checkpoint.folder.filename().string());
  remove_folder(place);
  std::error_code error;
  fs::rename(checkpoint.folder, place, error);
  if (error) throw_io("cannot be renamed", checkpoint.folder, error.value());
  sync_folder(parent);
}

void prune_checkpoints(const fs::path& folder, std::int64_t keep,
                       std::span<const std::int64_t> spared) {
  const Contents contents = contents_of(folder);
  for (const fs::path& rest : contents.rests) remove_folder(rest);
  const auto count = static_cast<std::int64_t>(contents.complete.size());
  for (std::int64_t i = 0; i < count - std::max<std::int64_t>(1, keep); ++i) {
    const Checkpoint& checkpoint = contents.complete[static_cast<std::size_t>(i)];
    if (std::find(spared.begin(), spared.end(), checkpoint.step) != spared.end()) continue;
    remove_checkpoint(checkpoint.folder);
  }
}

}  // namespace jielong
