#include "train/data/byte_stream.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/error.h"

namespace jielong {
namespace {

constexpr std::size_t kBufferBytes = 1 << 17;

class FileStream final : public ByteStream {
 public:
  explicit FileStream(const std::filesystem::path& path) : where_(path.string()) {
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) {
      throw Error(errno == ENOENT ? ErrorKind::not_found : ErrorKind::io,
                  fmt::format("cannot be opened: {}", std::strerror(errno)), where_,
                  "check the path and its permissions");
    }
  }
  FileStream(const FileStream&) = delete;
  FileStream& operator=(const FileStream&) = delete;
  ~FileStream() override { ::close(descriptor_); }

  std::size_t read(char* buffer, std::size_t size) override {
    while (true) {
      const ssize_t got = ::read(descriptor_, buffer, size);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) {
        throw Error(ErrorKind::io, fmt::format("cannot be read: {}", std::strerror(errno)), where_);
      }
      taken_ += static_cast<std::uint64_t>(got);
      return static_cast<std::size_t>(got);
    }
  }
  std::uint64_t taken() const override { return taken_; }

 private:
  std::string where_;
  int descriptor_ = -1;
  std::uint64_t taken_ = 0;
};

[[noreturn]] void refuse(const std::string& where, const char* format) {
  throw bad_input(fmt::format("is damaged or no {} file", format), where,
                  "fetch or pack the file again");
}

/// RFC 1952; several members one behind the other are one text.
class GzipStream final : public ByteStream {
 public:
  explicit GzipStream(const std::filesystem::path& path)
      : file_(path), where_(path.string()), input_(kBufferBytes) {
    constexpr int kGzipOnly = 16 + MAX_WBITS;
    if (::inflateInit2(&state_, kGzipOnly) != Z_OK) {
      throw Error(ErrorKind::limit, "there is not enough memory to unpack", where_);
    }
  }
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;
  ~GzipStream() override { ::inflateEnd(&state_); }

  std::size_t read(char* buffer, std::size_t size) override {
    state_.next_out = reinterpret_cast<Bytef*>(buffer);
    state_.avail_out = static_cast<uInt>(std::min<std::size_t>(size, 1U << 30));
    const uInt room = state_.avail_out;
    while (state_.avail_out == room) {
      if (state_.avail_in == 0) {
        state_.avail_in = static_cast<uInt>(file_.read(input_.data(), input_.size()));
        state_.next_in = reinterpret_cast<Bytef*>(input_.data());
        if (state_.avail_in == 0) {
          if (!between_members_) refuse(where_, "gzip");
          return 0;
        }
      }
      if (std::exchange(between_members_, false) && started_) ::inflateReset(&state_);
      started_ = true;
      const int result = ::inflate(&state_, Z_NO_FLUSH);
      if (result == Z_STREAM_END) {
        between_members_ = true;
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        refuse(where_, "gzip");
      }
    }
    return room - state_.avail_out;
  }
  std::uint64_t taken() const override { return file_.taken(); }

 private:
  FileStream file_;
  std::string where_;
  std::vector<char> input_;
  z_stream state_{};
  bool between_members_ = true, started_ = false;
};

/// RFC 8878.
class ZstdStream final : public ByteStream {
 public:
  explicit ZstdStream(const std::filesystem::path& path)
      : file_(path), where_(path.string()), input_(kBufferBytes), state_(::ZSTD_createDStream()) {
    if (state_ == nullptr) {
      throw Error(ErrorKind::limit, "there is not enough memory to unpack", where_);
    }
  }
  ZstdStream(const ZstdStream&) = delete;
  ZstdStream& operator=(const ZstdStream&) = delete;
  ~ZstdStream() override { ::ZSTD_freeDStream(state_); }

  std::size_t read(char* buffer, std::size_t size) override {
    ZSTD_outBuffer out{buffer, size, 0};
    while (out.pos == 0) {
      if (in_.pos == in_.size) {
        in_ = {input_.data(), file_.read(input_.data(), input_.size()), 0};
        if (in_.size == 0) {
          if (!between_frames_) refuse(where_, "zstd");
          return 0;
        }
      }
      const std::size_t result = ::ZSTD_decompressStream(state_, &out, &in_);
      if (::ZSTD_isError(result) != 0) refuse(where_, "zstd");
      between_frames_ = result == 0;
    }
    return out.pos;
  }
  std::uint64_t taken() const override { return file_.taken(); }

 private:
  FileStream file_;
  std::string where_;
  std::vector<char> input_;
  ZSTD_DStream* state_;
  ZSTD_inBuffer in_{nullptr, 0, 0};
  bool between_frames_ = true;
};

}  // namespace

std::unique_ptr<ByteStream> open_stream(const std::filesystem::path& path) {
  if (path.extension() == ".gz") return std::make_unique<GzipStream>(path);
  if (path.extension() == ".zst") return std::make_unique<ZstdStream>(path);
  return std::make_unique<FileStream>(path);
}

LineReader::LineReader(const std::filesystem::path& path, std::size_t max_bytes)
    : where_(path.string()),
      stream_(open_stream(path)),
      max_bytes_(max_bytes),
      buffer_(kBufferBytes, '\0') {}

bool LineReader::next(std::string& line) {
  line.clear();
  bool any = false;
  while (true) {
    if (at_ == end_) {
      at_ = 0;
      end_ = stream_->read(buffer_.data(), buffer_.size());
      if (end_ == 0) break;
    }
    any = true;
    const auto* begin = buffer_.data() + at_;
    const auto* found = static_cast<const char*>(std::memchr(begin, '\n', end_ - at_));
    const std::size_t length =
        found != nullptr ? static_cast<std::size_t>(found - begin) : end_ - at_;
    if (line.size() + length > max_bytes_) {
      throw Error(ErrorKind::limit, fmt::format("the line is longer than {} bytes", max_bytes_),
                  fmt::format("{}:{}", where_, number_ + 1), "split it into several records");
    }
    line.append(begin, length);
    at_ += length;
    if (found != nullptr) {
      ++at_;
      break;
    }
  }
  if (!any) return false;
  ++number_;
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return true;
}

}  // namespace jielong
