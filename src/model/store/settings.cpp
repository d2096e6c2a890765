#include "model/store/settings.h"

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "base/paths.h"
#include "model/store/store.h"

namespace jielong {
namespace store {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool is_true(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text == "1" || text == "true" || text == "yes" || text == "on";
}

/// A small file's first line; empty when it cannot be read.
std::string first_line(const fs::path& path) {
  try {
    const std::string text = read_file(path, 64 << 10);
    return std::string(trimmed(std::string_view(text).substr(0, text.find('\n'))));
  } catch (const Error&) {
    return {};
  }
}

std::string package_index() {
  if (const std::string url = variable("PIP_INDEX_URL"); !url.empty()) return url;
  std::string url = "https://pypi.org/simple";
  for (const fs::path& path : pip_config_files()) {
    try {
      if (const auto found = index_url_of(read_file(path, 1 << 20))) url = *found;
    } catch (const Error&) {
      // Not there, or not ours to read: pip passes over it too.
    }
  }
  return url;
}

}  // namespace

std::optional<std::string> index_url_of(std::string_view pip_conf) {
  std::optional<std::string> global, command;
  std::string_view section;
  while (!pip_conf.empty()) {
    const std::size_t end = pip_conf.find('\n');
    const std::string_view line = trimmed(pip_conf.substr(0, end));
    pip_conf = end == pip_conf.npos ? std::string_view() : pip_conf.substr(end + 1);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[' && line.back() == ']') {
      section = line.substr(1, line.size() - 2);
      continue;
    }
    const std::size_t mark = line.find_first_of("=:");
    if (mark == line.npos) continue;
    const std::string_view key = trimmed(line.substr(0, mark));
    const std::string_view value = trimmed(line.substr(mark + 1));
    if ((key != "index-url" && key != "index_url") || value.empty()) continue;
    if (section == "global") global = value;
    if (section == "download" || section == "install") command = value;
  }
  return command ? command : global;
}

std::vector<fs::path> pip_config_files() {
  const std::string own = variable("PIP_CONFIG_FILE");
  if (own == "/dev/null") return {};  // how pip is told to read none
  const fs::path home = variable("HOME");
  const std::string config = variable("XDG_CONFIG_HOME");
  std::vector<fs::path> files = {
      "/etc/xdg/pip/pip.conf", "/etc/pip.conf", home / ".pip" / "pip.conf",
      (config.empty() ? home / ".config" : fs::path(config)) / "pip" / "pip.conf"};
  if (const std::string venv = variable("VIRTUAL_ENV"); !venv.empty()) {
    files.push_back(fs::path(venv) / "pip.conf");
  }
  if (!own.empty()) files.emplace_back(own);
  return files;
}

}  // namespace store

StoreSettings StoreSettings::from_environment() {
  StoreSettings settings;
  settings.models = models_folder();
  settings.hugging_face = hugging_face_cache();
  settings.ollama = ollama_store();
  if (const std::string url = store::variable("HF_ENDPOINT"); !url.empty()) settings.hub = url;
  settings.hub_token = store::variable("HF_TOKEN");
  if (settings.hub_token.empty()) {
    std::filesystem::path token = store::variable("HF_TOKEN_PATH");
    // The cache's folder "hub" lies beside the file that the Hub's own program keeps.
    if (token.empty()) token = settings.hugging_face.parent_path() / "token";
    settings.hub_token = store::first_line(token);
  }
  settings.package_index = store::package_index();
  settings.offline = store::is_true(store::variable("HF_HUB_OFFLINE"));
  return settings;
}

}  // namespace jielong
