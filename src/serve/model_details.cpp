#include "serve/model_details.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "model/gguf.h"
#include "model/safetensors.h"
#include "tensor/dtype.h"

namespace jielong::serve {
namespace {

/// GGUF's general.file_type where it names a mixture; the rest is named by the tensors.
std::string_view mixture_name(std::uint32_t file_type) {
  switch (file_type) {
    case 10: return "Q2_K";
    case 11: return "Q3_K_S";
    case 12: return "Q3_K_M";
    case 13: return "Q3_K_L";
    case 14: return "Q4_K_S";
    case 15: return "Q4_K_M";
    case 16: return "Q5_K_S";
    case 17: return "Q5_K_M";
    default: return {};
  }
}

/// The element type that most bytes are of.
std::string widest_type(const TensorFile& file) {
  std::map<std::string_view, std::uint64_t> bytes;
  for (const TensorInfo& tensor : file.tensors()) {
    bytes[info(tensor.dtype).name] += tensor.data.size();
  }
  std::string_view most;
  for (const auto& [name, count] : bytes) {
    if (most.empty() || count > bytes[most]) most = name;
  }
  return std::string(most);
}

std::int64_t count_parameters(const TensorFile& file) {
  std::int64_t count = 0;
  for (const TensorInfo& tensor : file.tensors()) count += tensor.elements();
  return count;
}

void inspect_gguf(const std::filesystem::path& path, ModelDetails& details) {
  const GgufFile file(path);
  const Metadata& metadata = file.metadata();
  details.family = metadata.get_or<std::string>("general.architecture", "");
  details.quantization = mixture_name(metadata.get_or<std::uint32_t>("general.file_type", 0));
  if (details.quantization.empty()) details.quantization = widest_type(file);
  details.parameters = count_parameters(file);
}

void inspect_folder(const std::filesystem::path& path, ModelDetails& details) {
  const ModelFolder folder(path);
  const Json config = parse_json(folder.config(), (path / "config.json").string());
  if (config.is_object() && config.contains("model_type") && config["model_type"].is_string()) {
    details.family = config["model_type"].get<std::string>();
  }
  details.quantization = widest_type(folder.tensors());
  details.parameters = count_parameters(folder.tensors());
}

template <typename Element>
OrderedJson list_of(const MetaValue& value) {
  OrderedJson list = OrderedJson::array();
  for (const Element element : value.as<std::vector<Element>>()) list.push_back(element);
  return list;
}

OrderedJson array_json(const MetaValue& value) {
  switch (value.type()) {
    case MetaType::string: {
      OrderedJson list = OrderedJson::array();
      for (const auto text : value.as<std::vector<std::string_view>>()) {
        list.push_back(sanitize_utf8(text));
      }
      return list;
    }
    case MetaType::f32:
    case MetaType::f64: return list_of<float>(value);
    case MetaType::array: return nullptr;
    default: return list_of<std::int64_t>(value);
  }
}

OrderedJson value_json(const MetaValue& value) {
  switch (value.type()) {
    case MetaType::boolean: return value.as<bool>();
    case MetaType::string: return sanitize_utf8(value.as<std::string_view>());
    case MetaType::f32:
    case MetaType::f64: return value.as<double>();
    case MetaType::u64: return value.as<std::uint64_t>();
    case MetaType::array: return nullptr;
    default: return value.as<std::int64_t>();
  }
}

}  // namespace

ModelDetails inspect_model(const std::filesystem::path& path) {
  ModelDetails details;
  try {
    const ModelLocation location = locate_model(path);
    const bool is_gguf = location.format == ModelFormat::gguf;
    details.format = is_gguf ? "gguf" : "safetensors";
    if (is_gguf) {
      inspect_gguf(location.path, details);
    } else {
      inspect_folder(location.path, details);
    }
  } catch (const Error&) {
    // A list shows also what cannot be opened.
  }
  return details;
}

ModelDetails ModelDetailsCache::of(const StoredModel& model) {
  const std::pair key{model.path.string(), model.modified};
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(key);
    if (found != known_.end()) return found->second;
  }
  ModelDetails details = inspect_model(model.path);
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMost) known_.clear();
  known_.emplace(key, details);
  return details;
}

std::string readable_count(std::int64_t parameters) {
  const auto count = static_cast<double>(parameters);
  if (count >= 999.5e6) return fmt::format("{:.1f}B", count / 1e9);
  if (count >= 999.5e3) return fmt::format("{:.1f}M", count / 1e6);
  if (count >= 1e3) return fmt::format("{:.1f}K", count / 1e3);
  return fmt::format("{}", parameters);
}

OrderedJson model_metadata(const std::filesystem::path& path, bool arrays) {
  OrderedJson json = OrderedJson::object();
  const ModelLocation location = locate_model(path);
  if (location.format != ModelFormat::gguf) return json;
  const GgufFile file(location.path);
  for (const MetaValue& value : file.metadata().values()) {
    // The template has a field of its own.
    if (value.key() == "tokenizer.chat_template") continue;
    OrderedJson entry;
    if (!value.is_array()) {
      entry = value_json(value);
    } else if (arrays) {
      entry = array_json(value);
    }
    json[sanitize_utf8(value.key())] = std::move(entry);
  }
  return json;
}

}  // namespace jielong::serve
