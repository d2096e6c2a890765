#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace jielong {

/// A file read once from front to back.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  /// Fills `buffer` with up to `size` bytes and returns how many; 0 at the end. Throws Error(io |
  /// bad_input).
  virtual std::size_t read(char* buffer, std::size_t size) = 0;
  /// Bytes of the file taken so far, which for packed files are fewer than those read.
  virtual std::uint64_t taken() const = 0;
};

/// Opens a file, unpacking what ends in .gz or .zst. Throws Error(not_found | io).
std::unique_ptr<ByteStream> open_stream(const std::filesystem::path& path);

/// Lines of a stream.
class LineReader {
 public:
  LineReader(const std::filesystem::path& path, std::size_t max_bytes);

  /// The next line without its line break ("\n" or "\r\n"), false at the end. Throws Error(limit)
  /// for a longer line than allowed.
  bool next(std::string& line);
  /// Of the line that next() gave last, from 1 on.
  std::uint64_t number() const { return number_; }
  std::uint64_t taken() const { return stream_->taken(); }

 private:
  std::string where_;
  std::unique_ptr<ByteStream> stream_;
  std::size_t max_bytes_;
  std::uint64_t number_ = 0;
  std::string buffer_;
  std::size_t at_ = 0, end_ = 0;
};

}  // namespace jielong
