#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace jielong {

/// A whole file mapped read-only into memory. Move-only; unmapped on destruction.
class MappedFile {
 public:
  MappedFile() = default;
  /// Throws Error(not_found | io) when the file cannot be opened or mapped.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Tells the kernel that `part` of a mapped file will not be read again soon, so that its
/// pages no longer count as resident. Reading stays valid. Only for mapped files: other
/// memory would lose its content.
void forget_mapped(std::span<const std::byte> part);

/// Writes a file whole or not at all: bytes go to a temporary sibling, and
/// commit() does fsync, rename and fsync of the directory. Without commit() the
/// temporary file is removed and the old file stays as it was. What is not a regular file
/// (a pipe, /dev/stdout) is written to as it is.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  std::uint64_t position() const { return position_; }
  /// Makes the file appear under its name. Throws Error(io), for instance on a full disk.
  void commit();

 private:
  void flush();

  std::filesystem::path path_, temporary_;  // the latter empty for pipes and devices
  int descriptor_ = -1;
  std::uint64_t position_ = 0;
  std::string buffer_;
};

/// Reads a whole file of at most `max_bytes`; throws Error beyond that.
std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes = 1ULL << 30);

/// AtomicFile in one call.
void write_file(const std::filesystem::path& path, std::string_view content);

}  // namespace jielong
