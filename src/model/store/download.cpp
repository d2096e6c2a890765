#include "model/store/download.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/sha256.h"

namespace jielong::store {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxFileBytes = 2ULL << 40;

[[noreturn]] void throw_errno(std::string_view what, const fs::path& path) {
  const int code = errno;
  std::string fix;
  if (code == ENOSPC || code == EDQUOT) fix = "free some disk space and pull again to continue";
  if (code == EFBIG) fix = "the limit on file sizes (ulimit -f) is too low for this model";
  if (code == EACCES || code == EROFS) fix = "check who may write there";
  throw Error(ErrorKind::io, fmt::format("{}: {}", what, std::strerror(code)), path.string(), fix);
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// git's name for a file: SHA-1 over "blob <size>", a zero byte and the content.
class GitBlobHash {
 public:
  explicit GitBlobHash(std::uint64_t size) : context_(EVP_MD_CTX_new()) {
    EVP_DigestInit_ex(context_, EVP_sha1(), nullptr);
    const std::string head = fmt::format("blob {}", size);
    EVP_DigestUpdate(context_, head.c_str(), head.size() + 1);
  }
  GitBlobHash(const GitBlobHash&) = delete;
  GitBlobHash& operator=(const GitBlobHash&) = delete;
  ~GitBlobHash() { EVP_MD_CTX_free(context_); }
  void update(std::string_view data) { EVP_DigestUpdate(context_, data.data(), data.size()); }
  std::string digest() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_DigestFinal_ex(context_, digest, &size);
    std::string hex;
    for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
    return hex;
  }

 private:
  EVP_MD_CTX* context_;
};

/// The first byte of "bytes 100-199/200"; nothing if the header is not so.
std::optional<std::uint64_t> range_start(std::string_view header) {
  if (!header.starts_with("bytes ")) return std::nullopt;
  header.remove_prefix(6);
  std::uint64_t start = 0;
  const auto result = std::from_chars(header.data(), header.data() + header.size(), start);
  const bool dash = result.ptr != header.data() + header.size() && *result.ptr == '-';
  if (result.ec != std::errc() || !dash) return std::nullopt;
  return start;
}

/// One file's way here, over as many tries as it takes.
class Fetch {
 public:
  Fetch(const Download& file, const ByteProgress& progress)
      : file_(file), progress_(progress), partial_(file.destination) {
    if (file_.bytes && *file_.bytes > kMaxFileBytes) {
      throw Error(ErrorKind::limit, fmt::format("claims {} bytes", *file_.bytes),
                  file_.url.shown());
    }
    if (file_.bytes && partial_.size() > *file_.bytes) partial_.truncate(0);
    restart_hash();
    partial_.read([&](std::string_view data) { hash_->update(bytes_of(data)); });
  }

  /// One request. True when the whole file is here.
  bool attempt(HttpOutcome* outcome) {
    if (file_.bytes && partial_.size() == *file_.bytes) return true;
    if (file_.bytes) {
      check_free_space(file_.destination.parent_path(), *file_.bytes - partial_.size());
    }
    HttpReceiver receiver;
    receiver.begin = [&](const HttpAnswer& answer) { begin(answer); };
    receiver.data = [&](std::string_view data) { take(data); };
    receiver.keep_on = [&] { return report(); };
    *outcome = http_get({file_.url, file_.token, "", partial_.size()}, receiver);
    const HttpAnswer& answer = outcome->answer;
    if (answer.status == 416 && partial_.size() > 0) {
      // What is here is longer than the file there: of no use.
      partial_.truncate(0);
      restart_hash();
      outcome->broke = HttpBreak::transient;
      return false;
    }
    if (outcome->broke != HttpBreak::none) return false;
    if (answer.status != 200 && answer.status != 206) return false;
    const std::uint64_t expected = file_.bytes ? *file_.bytes : total_;
    if (expected != 0 && partial_.size() < expected) {
      outcome->broke = HttpBreak::transient;
      outcome->reason =
          fmt::format("the connection ended after {} of {} bytes", partial_.size(), expected);
      return false;
    }
    return true;
  }

  std::uint64_t size() const { return partial_.size(); }

  void finish() {
    if (file_.bytes && partial_.size() != *file_.bytes) {
      fail_check(fmt::format("has {} bytes instead of {}", partial_.size(), *file_.bytes));
    }
    if (!file_.sha256.empty()) {
      const std::string digest = hash_->digest();
      if (digest != file_.sha256) {
        fail_check(fmt::format("has the SHA-256 {} instead of {}", digest, file_.sha256));
      }
    } else if (!file_.git_blob.empty()) {
      GitBlobHash hash(partial_.size());
      partial_.read([&](std::string_view data) { hash.update(data); });
      if (hash.digest() != file_.git_blob) fail_check("has another content than its list tells");
    }
    report();
    partial_.commit();
  }

 private:
  [[noreturn]] void fail_check(std::string what) {
    // Nothing of it can be trusted, so the next pull starts anew.
    partial_.discard();
    throw Error(ErrorKind::io, std::move(what), file_.url.shown(),
                "pull again; if it stays so, the source or the way to it changes the file");
  }

  void restart_hash() { hash_ = std::make_unique<Sha256>(); }

  void begin(const HttpAnswer& answer) {
    const bool continues =
        answer.status == 206 && range_start(answer.content_range) == partial_.size();
    if (answer.status == 206 && !continues) {
      throw Error(ErrorKind::io, "sends another part of the file than asked for",
                  file_.url.shown());
    }
    if (!continues && partial_.size() > 0) {
      // The server cannot continue a file: take it from the start.
      partial_.truncate(0);
      restart_hash();
    }
    total_ = answer.content_length ? partial_.size() + *answer.content_length : 0;
    if (!file_.bytes && total_ != 0) {
      check_free_space(file_.destination.parent_path(), *answer.content_length);
    }
  }

  void take(std::string_view data) {
    const std::uint64_t most = file_.bytes ? *file_.bytes : kMaxFileBytes;
    if (partial_.size() + data.size() > most) {
      partial_.discard();
      throw Error(ErrorKind::io, fmt::format("is longer than the {} bytes announced", most),
                  file_.url.shown());
    }
    partial_.append(data);
    hash_->update(bytes_of(data));
  }

  bool report() const {
    return !progress_ || progress_(partial_.size(), file_.bytes ? *file_.bytes : total_);
  }

  const Download& file_;
  const ByteProgress& progress_;
  PartialFile partial_;
  std::unique_ptr<Sha256> hash_;
  std::uint64_t total_ = 0;
};

/// Waits in small steps, so that a cancel is soon heard.
void wait(std::chrono::milliseconds time, const ByteProgress& progress, std::uint64_t done,
          const Url& url) {
  using std::chrono::milliseconds;
  for (; time.count() > 0; time -= milliseconds(100)) {
    if (progress && !progress(done, 0)) {
      throw Error(ErrorKind::cancelled, "stopped by the user", url.shown());
    }
    std::this_thread::sleep_for(std::min(time, milliseconds(100)));
  }
}

}  // namespace

PartialFile::PartialFile(fs::path destination)
    : destination_(std::move(destination)), path_(destination_.string() + ".partial") {
  for (;;) {
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (descriptor_ < 0) throw_errno("cannot be created", path_);
    // A file system without locks is used without them.
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      ::close(std::exchange(descriptor_, -1));
      throw Error(ErrorKind::io, "is being fetched by another process", destination_.string(),
                  "wait until it is done");
    }
    // The holder before us may have renamed or removed the file that we locked.
    struct stat opened {
    }, named{};
    ::fstat(descriptor_, &opened);
    if (::stat(path_.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
        opened.st_dev == named.st_dev) {
      size_ = static_cast<std::uint64_t>(opened.st_size);
      ::lseek(descriptor_, 0, SEEK_END);
      return;
    }
    ::close(std::exchange(descriptor_, -1));
  }
}

PartialFile::~PartialFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void PartialFile::truncate(std::uint64_t size) {
  if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) {
    throw_errno("cannot be shortened", path_);
  }
  ::lseek(descriptor_, static_cast<off_t>(size), SEEK_SET);
  size_ = size;
}

void PartialFile::append(std::string_view data) {
  while (!data.empty()) {
    const ssize_t written = ::write(descriptor_, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_errno("cannot be written", path_);
    size_ += static_cast<std::uint64_t>(written);
    data.remove_prefix(static_cast<std::size_t>(written));
  }
}

void PartialFile::read(const std::function<void(std::string_view)>& take) const {
  std::vector<char> buffer(1 << 20);
  for (std::uint64_t at = 0; at < size_;) {
    const ssize_t got = ::pread(descriptor_, buffer.data(), buffer.size(), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw_errno("cannot be read", path_);
    take({buffer.data(), static_cast<std::size_t>(got)});
    at += static_cast<std::uint64_t>(got);
  }
}

void PartialFile::sync() {
  if (::fsync(descriptor_) != 0) throw_errno("cannot be written", path_);
}

void PartialFile::commit() {
  sync();
  if (::rename(path_.c_str(), destination_.c_str()) != 0) throw_errno("cannot be named", path_);
  const int folder = ::open(destination_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
}

void PartialFile::discard() { ::unlink(path_.c_str()); }

void check_free_space(const fs::path& folder, std::uint64_t bytes) {
  struct statvfs disk {};
  if (::statvfs(folder.c_str(), &disk) != 0) return;  // unknown: writing will tell
  const std::uint64_t available = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  if (available < bytes) {
    throw Error(ErrorKind::io,
                fmt::format("the disk is too full: {} more are needed, {} are free",
                            readable_bytes(bytes), readable_bytes(available)),
                folder.string(), "free some disk space and pull again to continue");
  }
}

std::string readable_bytes(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} bytes", bytes);
  const char* units[] = {"kB", "MB", "GB", "TB"};
  double size = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  while (size >= 1000 && unit < 3) {
    size /= 1000;
    ++unit;
  }
  return fmt::format("{:.1f} {}", size, units[unit]);
}

void download(const Download& file, int retries, const ByteProgress& progress) {
  std::error_code ignored;
  fs::create_directories(file.destination.parent_path(), ignored);
  Fetch fetch(file, progress);
  int failures = 0;
  std::uint64_t furthest = fetch.size();
  for (;;) {
    HttpOutcome outcome;
    outcome.answer.url = file.url;
    if (fetch.attempt(&outcome)) break;
    const bool server_fault = outcome.broke == HttpBreak::none && outcome.answer.status >= 500;
    if (outcome.broke != HttpBreak::transient && !server_fault) throw_http_error(outcome, file.url);
    // Headway earns new tries: a long file on a bad line still arrives.
    failures = fetch.size() > furthest ? 1 : failures + 1;
    furthest = std::max(furthest, fetch.size());
    if (failures > retries) throw_http_error(outcome, file.url);
    wait(std::chrono::milliseconds(100 << std::min(failures, 6)), progress, fetch.size(), file.url);
  }
  fetch.finish();
}

}  // namespace jielong::store
