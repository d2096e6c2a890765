#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace jielong {
namespace {

constexpr std::size_t kBufferBytes = 1 << 20;

[[noreturn]] void throw_errno(std::string what, const std::filesystem::path& path) {
  const int code = errno;
  const ErrorKind kind = code == ENOENT ? ErrorKind::not_found : ErrorKind::io;
  std::string fix;
  if (code == ENOSPC || code == EDQUOT) fix = "free some disk space and try again";
  if (code == EFBIG) fix = "raise the limit on file sizes (ulimit -f) or use another file system";
  if (code == EACCES) fix = "check the file's permissions";
  if (code == ENOENT) fix = "check the path";
  throw Error(kind, fmt::format("{}: {}", what, std::strerror(code)), path.string(), fix);
}

struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

std::uint64_t regular_file_size(int descriptor, const std::filesystem::path& path) {
  struct stat info {};
  if (::fstat(descriptor, &info) != 0) throw_errno("cannot be read", path);
  if (!S_ISREG(info.st_mode)) {
    throw Error(ErrorKind::bad_input, "is not a regular file", path.string(),
                "give the path of a file");
  }
  return static_cast<std::uint64_t>(info.st_size);
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.value < 0) throw_errno("cannot be opened", path);
  size_ = regular_file_size(file.value, path);
  if (size_ == 0) return;
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.value, 0);
  if (address == MAP_FAILED) throw_errno("cannot be mapped", path);
  data_ = static_cast<const std::byte*>(address);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

void forget_mapped(std::span<const std::byte> part) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  // Only pages that lie wholly inside the part: its neighbours may be in use.
  const auto begin = (reinterpret_cast<std::uintptr_t>(part.data()) + page - 1) / page * page;
  const auto end = (reinterpret_cast<std::uintptr_t>(part.data()) + part.size()) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  buffer_.reserve(kBufferBytes);
  struct stat info {};
  if (::stat(path_.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    // Renaming over a device or a pipe would replace it.
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor_ < 0) throw_errno("cannot be written", path_);
    return;
  }
  // Unique in this process too: two threads may write the same file, the last one wins.
  static std::atomic<unsigned> count{0};
  temporary_ = fmt::format("{}.{}-{}.partial", path_.string(), ::getpid(), count++);
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0) throw_errno("cannot be created", path_);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

void AtomicFile::write(std::string_view text) {
  position_ += text.size();
  while (!text.empty()) {
    const std::size_t part = std::min(text.size(), kBufferBytes - buffer_.size());
    buffer_.append(text.substr(0, part));
    text.remove_prefix(part);
    if (buffer_.size() == kBufferBytes) flush();
  }
}

void AtomicFile::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_errno("cannot be written", path_);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  buffer_.clear();
}

void AtomicFile::commit() {
  flush();
  if (temporary_.empty()) {
    ::close(std::exchange(descriptor_, -1));
    return;
  }
  if (::fsync(descriptor_) != 0) throw_errno("cannot be written", path_);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) throw_errno("cannot be created", path_);
  ::close(std::exchange(descriptor_, -1));
  auto folder = path_.parent_path();
  if (folder.empty()) folder = ".";
  Descriptor directory{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (directory.value >= 0) ::fsync(directory.value);
}

std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.value < 0) throw_errno("cannot be opened", path);
  const std::uint64_t size = regular_file_size(file.value, path);
  if (size > max_bytes) {
    throw Error(ErrorKind::limit,
                fmt::format("has {} bytes, more than the {} allowed", size, max_bytes),
                path.string());
  }
  std::string content(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(file.value, content.data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno("cannot be read", path);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  content.resize(done);
  return content;
}

void write_file(const std::filesystem::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

}  // namespace jielong
