#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "model/store/http.h"

namespace jielong::store {

/// A file to fetch and what it must turn out to be.
struct Download {
  Url url;
  Token token;
  std::filesystem::path destination;
  std::optional<std::uint64_t> bytes;
  std::string sha256;    ///< empty: not known
  std::string git_blob;  ///< git's SHA-1 of the file, checked when sha256 is empty
};

/// Told (bytes here, bytes in all or 0); false cancels.
using ByteProgress = std::function<bool(std::uint64_t done, std::uint64_t total)>;

/// Fetches a file: into `destination.partial`, under a lock against other pulls of it,
/// continuing what an earlier try left, checked, and only then under its name. A transfer
/// that breaks off is continued up to `retries` times while it makes headway.
void download(const Download& file, int retries, const ByteProgress& progress);

/// A growing file beside its final name; the lock on it is held as long as it is open.
class PartialFile {
 public:
  /// Opens or makes `destination.partial`. Throws Error(io) when another process holds it.
  explicit PartialFile(std::filesystem::path destination);
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  ~PartialFile();

  std::uint64_t size() const { return size_; }
  void truncate(std::uint64_t size);
  void append(std::string_view data);
  /// Feeds the first size() bytes to `take`, piece by piece.
  void read(const std::function<void(std::string_view)>& take) const;
  void sync();
  /// Gives the file its name. Nothing but read() may follow.
  void commit();
  /// Removes it.
  void discard();

 private:
  std::filesystem::path destination_, path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

/// Throws Error(io) when `folder`'s disk has no room for `bytes`.
void check_free_space(const std::filesystem::path& folder, std::uint64_t bytes);

/// "1.2 GB", for messages.
std::string readable_bytes(std::uint64_t bytes);

}  // namespace jielong::store
