#include "cli/input.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "cli/interrupt.h"

namespace jielong::cli {
namespace {

constexpr std::uint64_t kMaxBytes = 64U << 20;

}  // namespace

std::string read_standard_input() {
  std::string text;
  char buffer[1 << 16];
  while (const std::size_t count = std::fread(buffer, 1, sizeof buffer, stdin)) {
    text.append(buffer, count);
    if (text.size() > kMaxBytes) {
      throw Error(ErrorKind::limit, "more than 64 MiB", "standard input");
    }
  }
  if (std::ferror(stdin) != 0 && !interrupted.load()) {
    throw Error(ErrorKind::io, std::strerror(errno), "standard input");
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

std::string read_input(const std::vector<std::string>& words, const std::string& file) {
  if (!words.empty()) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
  }
  return file.empty() || file == "-" ? read_standard_input() : read_file(file, kMaxBytes);
}

}  // namespace jielong::cli
