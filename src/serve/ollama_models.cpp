#include "serve/ollama_models.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/chat_template.h"
#include "model/model.h"
#include "model/model_chat.h"
#include "serve/answer_writer.h"
#include "serve/model_names.h"
#include "serve/ollama_request.h"
#include "serve/request_fields.h"
#include "token/vocabulary.h"

namespace jielong::serve {
namespace {

OrderedJson details_json(const ModelDetails& details) {
  return {{"parent_model", ""},
          {"format", details.format},
          {"family", details.family},
          {"families",
           details.family.empty() ? OrderedJson::array() : OrderedJson::array({details.family})},
          {"parameter_size", readable_count(details.parameters)},
          {"quantization_level", details.quantization}};
}

std::string expiry(const LoadedModelInfo& model) {
  // Without a time of its own, a model goes when another needs its memory.
  if (!model.expires_in) return "9999-12-31T23:59:59Z";
  const auto at = std::chrono::system_clock::now() + *model.expires_in;
  const auto since = at.time_since_epoch();
  return rfc3339(std::chrono::floor<std::chrono::seconds>(since).count());
}

/// What can be listed: the store, and what the server was started with.
std::vector<StoredModel> listed_models(const ServeContext& context) {
  std::vector<StoredModel> models = context.pool.store().list();
  const auto known = [&](const StoredModel& wanted) {
    return std::any_of(models.begin(), models.end(), [&](const StoredModel& model) {
      return model.name == wanted.name || model.path == wanted.path;
    });
  };
  if (!context.default_model.empty()) {
    const auto started = context.pool.store().find(context.default_model);
    if (started && !known(*started)) models.insert(models.begin(), *started);
  }
  return models;
}

std::vector<std::string> capabilities_of(const Model& model) {
  if (!model.generates()) return {"embedding"};
  std::vector<std::string> can{"completion"};
  if (!model.has_tokenizer()) return can;
  const ChatTemplate chat_template = chat_template_of(model);
  if (chat_template.reads("tools")) can.emplace_back("tools");
  if (chat_template.reads("enable_thinking") ||
      chat_template.source().find("<think>") != std::string::npos) {
    can.emplace_back("thinking");
  }
  if (model.tokenizer().vocabulary().role(TokenRole::fim_middle)) can.emplace_back("insert");
  return can;
}

/// The sizes that clients look for, under GGUF's names whatever the file.
void add_sizes(const Hyperparameters& hyper, OrderedJson& info) {
  info["general.architecture"] = hyper.family;
  const std::pair<const char*, std::int64_t> sizes[] = {{"context_length", hyper.context_length},
                                                        {"embedding_length", hyper.channels},
                                                        {"block_count", hyper.layers},
                                                        {"feed_forward_length", hyper.feed_forward},
                                                        {"attention.head_count", hyper.heads},
                                                        {"attention.head_count_kv", hyper.kv_heads},
                                                        {"vocab_size", hyper.vocabulary}};
  for (const auto& [name, size] : sizes) info[fmt::format("{}.{}", hyper.family, name)] = size;
}

}  // namespace

std::string ollama_tags(const ServeContext& context, ModelDetailsCache& cache) {
  OrderedJson models = OrderedJson::array();
  for (const StoredModel& model : listed_models(context)) {
    models.push_back({{"name", model.name},
                      {"model", model.name},
                      {"modified_at", rfc3339(model.modified)},
                      {"size", model.bytes},
                      {"digest", model.sha256},
                      {"details", details_json(cache.of(model))}});
  }
  return dump({{"models", std::move(models)}});
}

std::string ollama_processes(const ServeContext& context, ModelDetailsCache& cache) {
  OrderedJson models = OrderedJson::array();
  for (const LoadedModelInfo& loaded : context.pool.loaded()) {
    if (loaded.loading) continue;
    StoredModel stored;
    try {
      stored = context.pool.store().resolve(loaded.name);
    } catch (const Error&) {
      stored.path = loaded.path;  // deleted while it is at work
    }
    models.push_back({{"name", loaded.name},
                      {"model", loaded.name},
                      {"size", loaded.bytes},
                      {"digest", stored.sha256},
                      {"details", details_json(cache.of(stored))},
                      {"expires_at", expiry(loaded)},
                      {"size_vram", 0}});
  }
  return dump({{"models", std::move(models)}});
}

std::string ollama_show(const ServeContext& context, ModelDetailsCache& cache,
                        const OrderedJson& body) {
  RequestFields fields(body);
  const std::string name = requested_model(context, read_ollama_model(fields));
  const bool verbose = fields.boolean("verbose").value_or(false);
  fields.ignore({"system", "template", "options"});  // of older clients
  fields.finish();
  const StoredModel stored = context.pool.store().resolve(name);
  OrderedJson info = model_metadata(stored.path, verbose);
  const auto model = Model::load(stored.path);
  add_sizes(model->hyper(), info);
  info["general.parameter_count"] = model->parameter_count();
  const OrderedJson answer{{"license", stored.licence},
                           {"modelfile", "FROM " + stored.name + "\n"},
                           {"parameters", ""},
                           {"template", model->chat_template().value_or("")},
                           {"details", details_json(cache.of(stored))},
                           {"model_info", std::move(info)},
                           {"capabilities", capabilities_of(*model)},
                           {"modified_at", rfc3339(stored.modified)}};
  return dump(answer);
}

void ollama_delete(ServeContext& context, const OrderedJson& body) {
  RequestFields fields(body);
  const std::string name = requested_model(context, read_ollama_model(fields));
  fields.finish();
  if (name == context.default_model) {
    throw Error(ErrorKind::unsupported, "is the model this server was started with", "model",
                "stop the server, then run: jielong rm " + name);
  }
  ModelStore store = context.pool.store();
  store.remove(name);
  context.pool.unload(name);
}

}  // namespace jielong::serve
