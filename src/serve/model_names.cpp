#include "serve/model_names.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/quote.h"
#include "model/store/names.h"
#include "model/store/store.h"

namespace jielong::serve {
namespace {

/// Whether the store would take `name` for a file or folder rather than for a model's name.
bool is_path(const ModelStore& store, const std::string& name) {
  const store::ModelName parsed = store::parse_model_name(name);
  if (parsed.kind == store::ModelName::Kind::path) return true;
  if (parsed.kind != store::ModelName::Kind::short_name) return false;
  const std::optional<StoredModel> found = store.find(name);
  return found && found->path == std::filesystem::path(name);
}

std::string without_latest(const std::string& name) {
  constexpr std::string_view kLatest = ":latest";
  if (!std::string_view(name).ends_with(kLatest) || name.starts_with("ollama:")) return name;
  return name.substr(0, name.size() - kLatest.size());
}

std::string with_scheme(const std::string& name) {
  for (const std::string_view host : {"hf.co/", "huggingface.co/"}) {
    if (name.starts_with(host)) return "hf:" + name.substr(host.size());
  }
  return name;
}

}  // namespace

bool may_be_requested(const ServeContext& context, const std::string& name) {
  if (name == context.default_model) return true;
  const std::vector<LoadedModelInfo> loaded = context.pool.loaded();
  const bool is_loaded = std::any_of(loaded.begin(), loaded.end(),
                                     [&](const auto& model) { return model.name == name; });
  return is_loaded || !is_path(context.pool.store(), name);
}

std::string requested_model(const ServeContext& context, const std::string& requested) {
  const std::string plain = context.model_name(without_latest(requested));
  if (plain == context.default_model) return plain;
  const std::string name = with_scheme(plain);
  if (!may_be_requested(context, name)) {
    throw Error(ErrorKind::not_found, "there is no such model here", in_quotes(requested),
                "name a model of the list, or start the server with this file");
  }
  if (context.pool.store().find(name)) return name;
  // "llama3.2:1b" for what Ollama has fetched.
  if (name.find(':') == name.rfind(':') && !name.starts_with("hf:") && !name.starts_with("pypi:") &&
      !name.starts_with("ollama:")) {
    const std::string fetched_by_ollama = "ollama:" + name;
    try {
      if (context.pool.store().find(fetched_by_ollama)) return fetched_by_ollama;
    } catch (const Error&) {
      // Not a name that Ollama could have: nobody has it.
    }
  }
  return name;
}

}  // namespace jielong::serve
