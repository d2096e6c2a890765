#pragma once

#include <string>
#include <string_view>

namespace jielong::store {

/// A model's name, taken apart and checked: whatever it holds, no part of it can lead a
/// path out of its folder or a URL to another host.
struct ModelName {
  enum class Kind { path, short_name, hub, package, ollama };
  Kind kind = Kind::short_name;
  std::string text;               ///< as given, for paths and short names
  std::string repo;               ///< hub: "user/repo"
  std::string revision;           ///< hub: empty for "main"
  std::string variant;            ///< hub: a quantization or a file; empty to choose
  std::string package, version;   ///< package: version may be empty
  std::string space, model, tag;  ///< ollama: "library", "llama3.2", "latest"
  std::string host;               ///< ollama: "registry.ollama.ai"

  /// The name in its full form, which parse() takes again.
  std::string canonical() const;
  /// A folder's name for it.
  std::string folder() const;
};

/// Throws Error(bad_input) that tells what is wrong with the name.
ModelName parse_model_name(std::string_view text);

/// Letters, digits, '.', '_' and '-', not beginning with '.' or '-', without "..", and of at
/// most 96 characters.
bool is_plain_name(std::string_view text);
/// A relative path of at most 512 bytes whose parts are all ordinary names: no "..", no
/// root, no backslash, no control characters, no hidden files.
bool is_safe_path(std::string_view path);
/// 64 lower-case hex digits.
bool is_sha256(std::string_view text);
/// 40 lower-case hex digits.
bool is_git_hash(std::string_view text);
/// PEP 503: lower case, runs of '-', '_' and '.' as one '-'.
std::string normalized_package(std::string_view name);

}  // namespace jielong::store
