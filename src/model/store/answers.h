#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jielong::store {

// What servers and other programs' stores tell us. Every parser takes any bytes, checks
// every field it keeps and throws Error(bad_input | limit) with `where` in its message.

struct HubFile {
  std::string path;  ///< relative to the repository, a safe path
  std::uint64_t bytes = 0;
  std::string sha256;    ///< of files in large-file storage, else empty
  std::string git_blob;  ///< of the others
};

struct HubModel {
  std::string commit;  ///< 40 hex digits
  std::string licence;
  std::vector<HubFile> files;
};

/// The Hub's /api/models/{repo}/revision/{revision}?blobs=true. Files whose names are not
/// safe paths are left out when no model needs them, and refused when they are model files.
HubModel parse_hub_model(std::string_view text, const std::string& where);

/// A wheel on a package index.
struct PackageFile {
  std::string name;  ///< the file's name, a plain one
  std::string url;   ///< as the index has it, maybe relative
  std::string version, sha256;
  std::uint64_t bytes = 0;  ///< 0 if the index does not tell
  bool yanked = false;
  bool any_platform = false;
};

/// A project's page of a simple index, as JSON (PEP 691) or HTML (PEP 503). Only wheels
/// with a SHA-256 are kept.
std::vector<PackageFile> parse_simple_index(std::string_view text, bool is_json,
                                            const std::string& where);

/// The wheel to take: of `version`, or of the newest release that is neither yanked nor a
/// pre-release. Throws Error(not_found).
const PackageFile& choose_wheel(const std::vector<PackageFile>& files, std::string_view version,
                                const std::string& where);

/// Negative, zero or positive, as PEP 440 orders releases (epochs and local parts aside).
int compare_versions(std::string_view a, std::string_view b);

struct OllamaLayer {
  std::string kind;    ///< "model", "template", "license", "params", "adapter", …
  std::string sha256;  ///< 64 hex digits
  std::uint64_t bytes = 0;
};

/// A manifest of Ollama's store. Digests other than sha256 are refused.
std::vector<OllamaLayer> parse_ollama_manifest(std::string_view text, const std::string& where);

}  // namespace jielong::store
