#include "base/paths.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace jielong {
namespace {

namespace fs = std::filesystem;

/// The variable's value, or an empty path when it is unset or empty.
fs::path from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? fs::path(value) : fs::path();
}

/// The same for the XDG variables, whose standard says to ignore relative paths.
fs::path absolute_from_environment(const char* name) {
  const fs::path path = from_environment(name);
  return path.is_absolute() ? path : fs::path();
}

/// $HOME, or what the user database says where a service runs without it.
fs::path home() {
  const fs::path home = from_environment("HOME");
  if (!home.empty()) return home;
  const passwd* user = ::getpwuid(::getuid());
  return user != nullptr && user->pw_dir != nullptr ? fs::path(user->pw_dir) : fs::path("/");
}

fs::path or_else(const fs::path& preferred, const fs::path& fallback) {
  return preferred.empty() ? fallback : preferred;
}

}  // namespace

fs::path models_folder() {
  return or_else(absolute_from_environment("XDG_CACHE_HOME"), home() / ".cache") / "jielong" /
         "models";
}

fs::path data_folder() {
  return or_else(absolute_from_environment("XDG_DATA_HOME"), home() / ".local" / "share") /
         "jielong";
}

fs::path hugging_face_cache() {
  const fs::path hub = from_environment("HF_HUB_CACHE");
  if (!hub.empty()) return hub;
  const fs::path cache = or_else(absolute_from_environment("XDG_CACHE_HOME"), home() / ".cache");
  return or_else(from_environment("HF_HOME"), cache / "huggingface") / "hub";
}

fs::path ollama_store() {
  return or_else(from_environment("OLLAMA_MODELS"), home() / ".ollama" / "models");
}

}  // namespace jielong
