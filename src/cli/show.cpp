#include <fmt/format.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/engine.h"
#include "cli/text_width.h"
#include "model/gguf.h"
#include "model/safetensors.h"
#include "tensor/dtype.h"

namespace jielong::cli {
namespace {

struct ShowFlags {
  EngineFlags engine;
  bool chat_template = false;
  bool metadata = false;
  bool tensors = false;
  bool path = false;
};

/// A model's file, opened for looking only: also files that cannot run can be shown.
struct OpenFile {
  std::optional<GgufFile> gguf;
  std::optional<ModelFolder> folder;
  const TensorFile& tensors() const {
    if (gguf) return *gguf;
    return folder->tensors();
  }
};

OpenFile open_file(const std::filesystem::path& path) {
  const ModelLocation location = locate_model(path);
  OpenFile file;
  if (location.format == ModelFormat::gguf) {
    file.gguf.emplace(location.path);
  } else {
    file.folder.emplace(location.path);
  }
  return file;
}

std::map<std::string, std::int64_t> count_types(const TensorFile& tensors) {
  std::map<std::string, std::int64_t> counts;
  for (const TensorInfo& tensor : tensors.tensors()) ++counts[std::string(info(tensor.dtype).name)];
  return counts;
}

void show_tensors(const TensorFile& file, Console& console) {
  if (console.json) {
    OrderedJson list = OrderedJson::array();
    for (const TensorInfo& tensor : file.tensors()) {
      list.push_back({{"name", tensor.name},
                      {"type", info(tensor.dtype).name},
                      {"shape", tensor.shape},
                      {"bytes", tensor.data.size()}});
    }
    console.print_json({{"tensors", std::move(list)}});
    return;
  }
  for (const TensorInfo& tensor : file.tensors()) {
    console.print(fmt::format("{:<44} {:<8} {:<20} {}\n", tensor.name, info(tensor.dtype).name,
                              describe_shape(tensor.shape),
                              human_bytes(static_cast<double>(tensor.data.size()))));
  }
}

void show_metadata(const OpenFile& file, Console& console) {
  if (!file.gguf) {
    console.print(std::string(file.folder->config()) + "\n");
    return;
  }
  if (console.json) {
    OrderedJson values = OrderedJson::object();
    for (const MetaValue& value : file.gguf->metadata().values()) {
      values[std::string(value.key())] = value.summary(4096);
    }
    console.print_json(values);
    return;
  }
  for (const MetaValue& value : file.gguf->metadata().values()) {
    console.print(fmt::format("{:<40} {}\n", value.key(), harmless(value.summary())));
  }
}

OrderedJson describe_model(const ShowFlags& flags, const Model& model, const OpenFile& file) {
  const Hyperparameters& hyper = model.hyper();
  OrderedJson json{{"name", flags.engine.model},
                   {"title", hyper.name},
                   {"path", model.path().string()},
                   {"family", hyper.family},
                   {"parameters", model.parameter_count()},
                   {"file_bytes", model.file_bytes()},
                   {"types", count_types(file.tensors())},
                   {"context_length", hyper.context_length},
                   {"layers", hyper.layers},
                   {"channels", hyper.channels},
                   {"feed_forward", hyper.feed_forward},
                   {"heads", hyper.heads},
                   {"kv_heads", hyper.kv_heads},
                   {"vocabulary", hyper.vocabulary}};
  if (hyper.experts > 0) {
    json["experts"] = hyper.experts;
    json["experts_used"] = hyper.experts_used;
  }
  if (hyper.window > 0) json["window"] = hyper.window;
  if (model.has_tokenizer()) json["tokenizer"] = model.tokenizer().algorithm();
  json["chat_template"] = model.chat_template().has_value();
  json["generates"] = model.generates();
  return json;
}

/// A value of describe_model() for people.
std::string readable(const std::string& key, const OrderedJson& value) {
  if (key == "file_bytes") return human_bytes(value.get<double>());
  if (key == "parameters") return fmt::format("{:.1f}M", value.get<double>() / 1e6);
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_object()) return value.dump();
  std::string list;
  for (const auto& [type, count] : value.items()) {
    list += (list.empty() ? "" : ", ") + count.dump() + " " + type;
  }
  return list;
}

void show(const ShowFlags& flags, Console& console) {
  const auto path = find_model(flags.engine.model);
  if (flags.path) {
    console.print(path.string() + "\n");
    return;
  }
  const OpenFile file = open_file(path);
  if (flags.tensors) return show_tensors(file.tensors(), console);
  if (flags.metadata) return show_metadata(file, console);
  const auto model = load_model(flags.engine, console);
  if (flags.chat_template) {
    if (!model->chat_template()) {
      throw Error(ErrorKind::not_found, "has no chat template", flags.engine.model);
    }
    console.print(*model->chat_template() + "\n");
    return;
  }
  const OrderedJson about = describe_model(flags, *model, file);
  if (console.json) {
    console.print_json(about);
    return;
  }
  for (const auto& [key, value] : about.items()) {
    std::string label = key;
    std::replace(label.begin(), label.end(), '_', ' ');
    console.print(console.paint(Style::bold, pad(label, 16)) + readable(key, value) + "\n");
  }
}

}  // namespace

void add_show(Command& command, Console& console) {
  auto flags = std::make_shared<ShowFlags>();
  flags->engine.offline = true;
  command.argument("model,-m,--model", flags->engine.model, "Which model", true);
  command.flag("--template", flags->chat_template, "Print its chat template");
  command.flag("--metadata", flags->metadata, "Print what its file says about it");
  command.flag("--tensors", flags->tensors, "List its tensors");
  command.flag("--path", flags->path, "Print where it lies");
  command.example("jielong show smollm2", "sizes and architecture");
  command.example("jielong show smollm2 --template", "the Jinja program that formats a chat");
  command.action([flags, &console] { show(*flags, console); });
}

}  // namespace jielong::cli
