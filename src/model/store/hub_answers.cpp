#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/quote.h"
#include "model/store/answers.h"
#include "model/store/names.h"

namespace jielong::store {
namespace {

constexpr std::size_t kMaxFiles = 20'000;
constexpr std::uint64_t kMaxBytes = 2ULL << 40;

const Json* member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

std::string text_member(const Json& object, const char* key) {
  const Json* value = member(object, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

/// A size in bytes; 0 when it is absent.
std::uint64_t size_member(const Json& object, const char* key, const std::string& where) {
  const Json* value = member(object, key);
  if (value == nullptr || value->is_null()) return 0;
  if (!value->is_number_unsigned() || value->get<std::uint64_t>() > kMaxBytes) {
    throw bad_input(fmt::format("has a '{}' that is no size", key), where);
  }
  return value->get<std::uint64_t>();
}

bool is_model_file(std::string_view path) {
  return path.ends_with(".gguf") || path.ends_with(".safetensors");
}

std::string licence_of(const Json& model) {
  if (const Json* card = member(model, "cardData")) {
    const std::string licence = text_member(*card, "license");
    if (!licence.empty()) return licence;
  }
  const Json* tags = member(model, "tags");
  if (tags != nullptr && tags->is_array()) {
    for (const Json& tag : *tags) {
      if (!tag.is_string()) continue;
      const auto& text = tag.get_ref<const std::string&>();
      if (text.starts_with("license:")) return text.substr(8);
    }
  }
  return {};
}

HubFile hub_file(const Json& sibling, const std::string& path, const std::string& where) {
  HubFile file;
  file.path = path;
  file.bytes = size_member(sibling, "size", where);
  const Json* large = member(sibling, "lfs");
  if (large != nullptr && large->is_object()) {
    file.sha256 = text_member(*large, "sha256");
    if (file.sha256.empty()) file.sha256 = text_member(*large, "oid");
    if (!is_sha256(file.sha256)) {
      throw bad_input("has a large file without a proper SHA-256", where);
    }
    if (const std::uint64_t size = size_member(*large, "size", where); size != 0) file.bytes = size;
  } else {
    file.git_blob = text_member(sibling, "blobId");
    if (!file.git_blob.empty() && !is_git_hash(file.git_blob)) {
      throw bad_input("has a file without a proper blob id", where);
    }
  }
  return file;
}

}  // namespace

HubModel parse_hub_model(std::string_view text, const std::string& where) {
  const Json json = parse_json(text, where, 32);
  HubModel model;
  model.commit = text_member(json, "sha");
  if (!is_git_hash(model.commit)) throw bad_input("does not name a commit", where);
  model.licence = licence_of(json).substr(0, 100);
  const Json* siblings = member(json, "siblings");
  if (siblings == nullptr || !siblings->is_array()) throw bad_input("has no list of files", where);
  if (siblings->size() > kMaxFiles) {
    throw Error(ErrorKind::limit, fmt::format("lists more than {} files", kMaxFiles), where);
  }
  for (const Json& sibling : *siblings) {
    const std::string path = text_member(sibling, "rfilename");
    if (!is_safe_path(path)) {
      if (is_model_file(path)) {
        throw bad_input(
            fmt::format("lists a file with the name {}, which we refuse", in_quotes(path)), where);
      }
      continue;
    }
    model.files.push_back(hub_file(sibling, path, where));
  }
  return model;
}

std::vector<OllamaLayer> parse_ollama_manifest(std::string_view text, const std::string& where) {
  constexpr std::string_view kPrefix = "application/vnd.ollama.image.";
  const Json json = parse_json(text, where, 32);
  const Json* layers = member(json, "layers");
  if (layers == nullptr || !layers->is_array() || layers->size() > 1000) {
    throw bad_input("is not a manifest: it has no list of layers", where);
  }
  std::vector<OllamaLayer> found;
  for (const Json& layer : *layers) {
    OllamaLayer read;
    const std::string type = text_member(layer, "mediaType");
    read.kind = type.starts_with(kPrefix) ? type.substr(kPrefix.size()) : type;
    const std::string digest = text_member(layer, "digest");
    if (!digest.starts_with("sha256:") || !is_sha256(std::string_view(digest).substr(7))) {
      throw bad_input("has a digest that is not sha256 with 64 hex digits", where);
    }
    read.sha256 = digest.substr(7);
    read.bytes = size_member(layer, "size", where);
    found.push_back(std::move(read));
  }
  return found;
}

}  // namespace jielong::store
