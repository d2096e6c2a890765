#include "serve/keys.h"

#include <system_error>

#include "base/error.h"
#include "base/file.h"

namespace jielong::serve {

std::vector<std::string> parse_keys(std::string_view text) {
  std::vector<std::string> keys;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r')) {
      line.remove_suffix(1);
    }
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    if (!line.empty() && line.front() != '#') keys.emplace_back(line);
  }
  return keys;
}

std::vector<std::string> read_keys(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    // Not with its name: that may be a key given by mistake.
    throw Error(ErrorKind::not_found, "takes a file with one key a line, and there is no such file",
                "--api-key", "write the key into a file, or set JIELONG_API_KEY");
  }
  std::vector<std::string> keys = parse_keys(read_file(file, 1 << 20));
  if (keys.empty()) throw bad_input("the file has no key", "--api-key", "write one key a line");
  return keys;
}

bool others_may_read(const std::filesystem::path& file) {
  using std::filesystem::perms;
  std::error_code error;
  const auto granted = std::filesystem::status(file, error).permissions();
  return !error && (granted & (perms::group_read | perms::others_read)) != perms::none;
}

}  // namespace jielong::serve
