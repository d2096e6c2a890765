#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/json.h"
#include "model/store/answers.h"
#include "model/store/names.h"

namespace jielong::store {
namespace {

constexpr std::size_t kMaxFiles = 50'000;

/// "name-version(-build)-python-abi-platform.whl"; nothing for other files.
std::optional<PackageFile> read_wheel_name(std::string_view name) {
  if (!name.ends_with(".whl") || name.size() > 300) return std::nullopt;
  // Version parts may hold '+' and '!', which plain names do not.
  const bool clean = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._-+!").find(c) != std::string_view::npos;
  });
  if (!clean || name[0] == '.' || name[0] == '-') return std::nullopt;
  std::vector<std::string_view> parts;
  std::string_view rest = name.substr(0, name.size() - 4);
  for (;;) {
    const std::size_t dash = rest.find('-');
    parts.push_back(rest.substr(0, dash));
    if (dash == rest.npos) break;
    rest.remove_prefix(dash + 1);
  }
  if (parts.size() != 5 && parts.size() != 6) return std::nullopt;
  PackageFile file;
  file.name = name;
  file.version = parts[1];
  file.any_platform = parts.back() == "any";
  return file;
}

std::string unescape_html(std::string_view text) {
  static constexpr std::pair<std::string_view, char> kEntities[] = {
      {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}};
  std::string out;
  while (!text.empty()) {
    const auto* entity = std::find_if(std::begin(kEntities), std::end(kEntities),
                                      [&](const auto& e) { return text.starts_with(e.first); });
    if (entity != std::end(kEntities)) {
      out += entity->second;
      text.remove_prefix(entity->first.size());
    } else {
      out += text[0];
      text.remove_prefix(1);
    }
  }
  return out;
}

/// The value of `name="…"` in a tag, or nothing.
std::optional<std::string> attribute(std::string_view tag, std::string_view name) {
  for (std::size_t at = tag.find(name); at != tag.npos; at = tag.find(name, at + 1)) {
    const bool begins =
        at > 0 && (tag[at - 1] == ' ' || tag[at - 1] == '\n' || tag[at - 1] == '\t');
    std::string_view rest = tag.substr(at + name.size());
    if (!begins || (!rest.empty() && rest[0] != '=' && rest[0] != ' ' && rest[0] != '>')) continue;
    if (rest.empty() || rest[0] != '=') return std::string();
    rest.remove_prefix(1);
    if (rest.empty() || (rest[0] != '"' && rest[0] != '\'')) return std::nullopt;
    const std::size_t end = rest.find(rest[0], 1);
    if (end == rest.npos) return std::nullopt;
    return unescape_html(rest.substr(1, end - 1));
  }
  return std::nullopt;
}

std::vector<PackageFile> parse_html(std::string_view text) {
  std::vector<PackageFile> files;
  for (std::size_t at = text.find("<a"); at != text.npos; at = text.find("<a", at + 2)) {
    // An attribute such as data-requires-python=">=3.9" may hold a bare '>'.
    std::size_t end = at;
    char quoted = '\0';
    for (; end < text.size(); ++end) {
      const char c = text[end];
      if (quoted != '\0') {
        if (c == quoted) quoted = '\0';
      } else if (c == '"' || c == '\'') {
        quoted = c;
      } else if (c == '>') {
        break;
      }
    }
    if (end >= text.size()) break;
    const std::string_view tag = text.substr(at, end - at);
    at = end - 1;
    const std::optional<std::string> address = attribute(tag, "href");
    if (!address) continue;
    const std::size_t hash = address->find('#');
    const std::string url = address->substr(0, hash);
    const std::string path = url.substr(0, url.find('?'));
    auto file = read_wheel_name(std::string_view(path).substr(path.rfind('/') + 1));
    if (!file || hash == std::string::npos) continue;
    const std::string_view fragment = std::string_view(*address).substr(hash + 1);
    if (!fragment.starts_with("sha256=")) continue;
    file->sha256 = fragment.substr(7, 64);
    if (!is_sha256(file->sha256)) continue;
    file->url = url;
    file->yanked = attribute(tag, "data-yanked").has_value();
    files.push_back(std::move(*file));
    if (files.size() > kMaxFiles) break;
  }
  return files;
}

std::vector<PackageFile> parse_json_index(std::string_view text, const std::string& where) {
  const Json json = parse_json(text, where, 32);
  std::vector<PackageFile> files;
  const auto list = json.is_object() ? json.find("files") : json.end();
  if (!json.is_object() || list == json.end() || !list->is_array()) {
    throw bad_input("has no list of files", where);
  }
  for (const Json& entry : *list) {
    if (!entry.is_object() || files.size() > kMaxFiles) continue;
    const auto text_of = [](const Json& object, const char* key) {
      const auto found = object.find(key);
      return found != object.end() && found->is_string() ? found->get<std::string>()
                                                         : std::string();
    };
    auto file = read_wheel_name(text_of(entry, "filename"));
    const auto hashes = entry.find("hashes");
    if (!file || hashes == entry.end() || !hashes->is_object()) continue;
    file->sha256 = text_of(*hashes, "sha256");
    file->url = text_of(entry, "url");
    if (!is_sha256(file->sha256) || file->url.empty()) continue;
    const auto size = entry.find("size");
    if (size != entry.end() && size->is_number_unsigned()) file->bytes = size->get<std::uint64_t>();
    const auto yanked = entry.find("yanked");
    file->yanked = yanked != entry.end() && (yanked->is_string() || *yanked == true);
    files.push_back(std::move(*file));
  }
  return files;
}

/// A release's numbers and what follows them ("rc1", ".dev0", ".post1").
struct Version {
  std::vector<std::uint64_t> numbers;
  std::string_view rest;
};

Version split_version(std::string_view text) {
  Version version;
  for (;;) {
    std::uint64_t number = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
    const auto used = static_cast<std::size_t>(result.ptr - text.data());
    if (used == 0) break;
    version.numbers.push_back(result.ec == std::errc() ? number : UINT64_MAX);
    text.remove_prefix(used);
    const bool more = text.size() > 1 && text[0] == '.' && text[1] >= '0' && text[1] <= '9';
    if (!more) break;
    text.remove_prefix(1);
  }
  while (!version.numbers.empty() && version.numbers.back() == 0) version.numbers.pop_back();
  version.rest = text;
  return version;
}

/// Where a suffix stands: before the release itself, at it, or after it.
int suffix_rank(std::string_view rest) {
  if (rest.empty() || rest[0] == '+') return 0;
  if (rest.starts_with(".post") || rest.starts_with("post") || rest.starts_with("-")) return 1;
  if (rest.find("dev") != rest.npos) return -2;
  return -1;
}

}  // namespace

std::vector<PackageFile> parse_simple_index(std::string_view text, bool is_json,
                                            const std::string& where) {
  return is_json ? parse_json_index(text, where) : parse_html(text);
}

int compare_versions(std::string_view a, std::string_view b) {
  const Version left = split_version(a), right = split_version(b);
  if (left.numbers != right.numbers) return left.numbers < right.numbers ? -1 : 1;
  const int left_rank = suffix_rank(left.rest), right_rank = suffix_rank(right.rest);
  if (left_rank != right_rank) return left_rank < right_rank ? -1 : 1;
  return left.rest.compare(right.rest);
}

const PackageFile& choose_wheel(const std::vector<PackageFile>& files, std::string_view version,
                                const std::string& where) {
  const PackageFile* best = nullptr;
  for (const PackageFile& file : files) {
    const bool wanted = version.empty()
                            ? !file.yanked && suffix_rank(split_version(file.version).rest) >= 0
                            : compare_versions(file.version, version) == 0;
    if (!wanted) continue;
    if (best == nullptr) {
      best = &file;
      continue;
    }
    const int order = compare_versions(file.version, best->version);
    if (order > 0 || (order == 0 && file.any_platform && !best->any_platform)) best = &file;
  }
  if (best == nullptr) {
    throw Error(ErrorKind::not_found,
                version.empty() ? "has no wheel to take"
                                : fmt::format("has no wheel of version {}", version),
                where, "check the name and version");
  }
  return *best;
}

}  // namespace jielong::store
