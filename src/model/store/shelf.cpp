#include "model/store/shelf.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace jielong::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxLabelBytes = 4 << 20;

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::int64_t modified_time(const fs::path& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<std::int64_t>(info.st_mtime) : 0;
}

std::string write_label(const Label& label) {
  OrderedJson files = OrderedJson::array();
  for (const Label::File& file : label.files) {
    OrderedJson entry{{"path", file.path}, {"bytes", file.bytes}};
    if (!file.sha256.empty()) entry["sha256"] = file.sha256;
    files.push_back(std::move(entry));
  }
  const OrderedJson json{{"name", label.name},       {"main", label.main},
                         {"origin", label.origin},   {"revision", label.revision},
                         {"licence", label.licence}, {"files", std::move(files)}};
  return json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

Label read_label(std::string_view text, const std::string& where) {
  const Json json = parse_json(text, where, 16);
  if (!json.is_object()) throw bad_input("is not a label of a model", where);
  Label label{text_of(json, "name"),     text_of(json, "main"),    text_of(json, "origin"),
              text_of(json, "revision"), text_of(json, "licence"), {}};
  const auto files = json.find("files");
  if (files == json.end() || !files->is_array() || files->empty()) {
    throw bad_input("lists no files", where);
  }
  for (const Json& file : *files) {
    const bool valid = file.is_object() && is_safe_path(text_of(file, "path")) &&
                       file.contains("bytes") && file["bytes"].is_number_unsigned();
    if (!valid) throw bad_input("lists a file without a proper path and size", where);
    label.files.push_back(
        {text_of(file, "path"), file["bytes"].get<std::uint64_t>(), text_of(file, "sha256")});
  }
  const bool main_listed =
      label.main.empty() || std::any_of(label.files.begin(), label.files.end(),
                                        [&](const auto& file) { return file.path == label.main; });
  if (label.name.empty() || !main_listed) throw bad_input("names no model", where);
  return label;
}

std::optional<StoredModel> shelved_model(const fs::path& folder) {
  const fs::path label_path = folder / kLabelFile;
  std::error_code ignored;
  if (!fs::is_regular_file(label_path, ignored)) return std::nullopt;
  const Label label = read_label(read_file(label_path, kMaxLabelBytes), label_path.string());
  StoredModel model;
  model.name = label.name;
  model.path = label.main.empty() ? folder : folder / label.main;
  model.licence = label.licence;
  model.origin = label.origin;
  model.revision = label.revision;
  model.modified = modified_time(label_path);
  for (const Label::File& file : label.files) {
    const fs::path path = folder / file.path;
    const std::uintmax_t size = fs::file_size(path, ignored);
    if (ignored || size != file.bytes) return std::nullopt;  // a part was deleted or changed
    model.files.push_back(path);
    model.bytes += file.bytes;
    if (file.path == label.main && label.files.size() == 1) model.sha256 = file.sha256;
  }
  return model;
}

std::vector<StoredModel> shelved_models(const fs::path& models) {
  std::vector<StoredModel> found;
  std::error_code error;
  for (fs::directory_iterator entry(models, error), end; !error && entry != end;
       entry.increment(error)) {
    try {
      std::error_code ignored;
      if (entry->is_directory(ignored)) {
        if (auto model = shelved_model(entry->path())) found.push_back(std::move(*model));
      } else if (entry->path().extension() == ".gguf" && entry->is_regular_file(ignored)) {
        StoredModel model;
        model.name = entry->path().stem().string();
        model.path = entry->path();
        model.files = {entry->path()};
        model.bytes = fs::file_size(entry->path(), ignored);
        model.modified = modified_time(entry->path());
        found.push_back(std::move(model));
      }
    } catch (const Error&) {
      // A folder with a broken label is not a model; pulling it again mends it.
    }
  }
  std::sort(found.begin(), found.end(),
            [](const StoredModel& a, const StoredModel& b) { return a.name < b.name; });
  return found;
}

}  // namespace jielong::store
