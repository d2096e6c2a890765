#pragma once

// Takes the place of libc's calls that change files, for the whole program that includes this,
// once: a test says at which of them a process dies or the disk fails. Everything is passed on to
// the kernel unless a plan is armed, which only children of a test do.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace jielong::test {

enum class Fault {
  none,
  kill,        ///< SIGKILL before operation `at`
  torn_write,  ///< the same; when that is a write, half of it is done
  full_disk,   ///< from operation `at` on, whatever needs room fails with ENOSPC
  one_error,   ///< operation `at` alone fails with EIO
  short_write  ///< every write takes a few bytes only
};

struct FaultPlan {
  Fault fault = Fault::none;
  int at = 0;
  int* operations = nullptr;  ///< counts them, from 0; null: not armed
  /// Receives "write", "sync" and "rename" with the path that they change, if given.
  std::vector<std::pair<std::string, std::string>>* log = nullptr;
};
inline FaultPlan fault_plan;

/// What becomes of an operation: passed on with this many bytes, or failed with errno set.
struct Verdict {
  bool fails;
  std::size_t bytes;
};

inline Verdict judge(bool needs_room, std::size_t bytes = 0) {
  if (fault_plan.operations == nullptr) return {false, bytes};
  const int number = (*fault_plan.operations)++;
  const auto fail = [](int code) {
    errno = code;
    return Verdict{true, 0};
  };
  switch (fault_plan.fault) {
    case Fault::none: break;
    case Fault::kill:
      if (number == fault_plan.at) ::raise(SIGKILL);
      break;
    case Fault::torn_write:
      // The next operation of any kind is the one that never comes.
      if (number == fault_plan.at && bytes > 1) return {false, bytes / 2};
      if (number >= fault_plan.at) ::raise(SIGKILL);
      break;
    case Fault::full_disk:
      if (number >= fault_plan.at && needs_room) return fail(ENOSPC);
      break;
    case Fault::one_error:
      if (number == fault_plan.at) return fail(EIO);
      break;
    case Fault::short_write: return {false, std::min<std::size_t>(bytes, 1000)};
  }
  return {false, bytes};
}

inline void note(const char* what, std::string path) {
  if (fault_plan.log != nullptr) fault_plan.log->emplace_back(what, std::move(path));
}

inline void note(const char* what, int descriptor) {
  if (fault_plan.log == nullptr) return;
  char path[4096] = {};
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  if (::readlink(link.c_str(), path, sizeof path - 1) > 0) note(what, std::string(path));
}

inline long passed_on(const Verdict& verdict, long call, auto... arguments) {
  return verdict.fails ? -1 : ::syscall(call, arguments...);
}

}  // namespace jielong::test

extern "C" {

ssize_t write(int descriptor, const void* data, size_t count) {
  const auto verdict = jielong::test::judge(true, count);
  jielong::test::note("write", descriptor);
  return jielong::test::passed_on(verdict, SYS_write, descriptor, data, verdict.bytes);
}

int fsync(int descriptor) {
  const auto verdict = jielong::test::judge(true);
  jielong::test::note("sync", descriptor);
  // What a killed process wrote is safe in the page cache, and waiting for disks is slow.
  if (jielong::test::fault_plan.operations != nullptr && !verdict.fails) return 0;
  return static_cast<int>(jielong::test::passed_on(verdict, SYS_fsync, descriptor));
}

int open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
  }
  const bool creates = (flags & O_CREAT) != 0;
  const auto verdict = creates ? jielong::test::judge(true) : jielong::test::Verdict{false, 0};
  return static_cast<int>(
      jielong::test::passed_on(verdict, SYS_openat, AT_FDCWD, path, flags, mode));
}

int mkdir(const char* path, mode_t mode) noexcept {
  return static_cast<int>(
      jielong::test::passed_on(jielong::test::judge(true), SYS_mkdirat, AT_FDCWD, path, mode));
}

int rename(const char* from, const char* to) noexcept {
  jielong::test::note("rename", to);
  return static_cast<int>(jielong::test::passed_on(jielong::test::judge(false), SYS_renameat2,
                                                   AT_FDCWD, from, AT_FDCWD, to, 0));
}

int unlink(const char* path) noexcept {
  return static_cast<int>(
      jielong::test::passed_on(jielong::test::judge(false), SYS_unlinkat, AT_FDCWD, path, 0));
}

int unlinkat(int folder, const char* path, int flags) noexcept {
  return static_cast<int>(
      jielong::test::passed_on(jielong::test::judge(false), SYS_unlinkat, folder, path, flags));
}

int remove(const char* path) noexcept {
  const auto verdict = jielong::test::judge(false);
  const auto result = jielong::test::passed_on(verdict, SYS_unlinkat, AT_FDCWD, path, 0);
  if (result == 0 || verdict.fails || errno != EISDIR) return static_cast<int>(result);
  return static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR));
}

}  // extern "C"
