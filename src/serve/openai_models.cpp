#include "serve/openai_routes.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/quote.h"
#include "serve/model_names.h"

namespace jielong::serve {
namespace {

constexpr std::string_view kModels = "/v1/models/";

OrderedJson model_json(const StoredModel& model, const std::vector<LoadedModelInfo>& loaded) {
  std::string state = "stored";
  for (const LoadedModelInfo& info : loaded) {
    if (info.name == model.name || info.path == model.path) {
      state = info.loading ? "loading" : "loaded";
    }
  }
  return {{"id", model.name},
          {"object", "model"},
          {"created", model.modified},
          {"owned_by", std::string(name_of(model.source))},
          {"jielong", {{"bytes", model.bytes}, {"state", state}, {"licence", model.licence}}}};
}

/// The models on this machine, the default one first.
OrderedJson list_models(ServeContext& context) {
  const std::vector<LoadedModelInfo> loaded = context.pool.loaded();
  OrderedJson list = OrderedJson::array();
  std::vector<StoredModel> models = context.pool.store().list();
  // The default may be a path or an alias, which no list has.
  if (auto chosen = context.pool.store().find(context.default_model)) {
    std::erase_if(models, [&](const StoredModel& model) { return model.path == chosen->path; });
    chosen->name = context.default_model;
    models.insert(models.begin(), std::move(*chosen));
  }
  for (const StoredModel& model : models) list.push_back(model_json(model, loaded));
  return list;
}

void get_models(ServeContext& context, const HttpRequest&,
                const std::shared_ptr<HttpReply>& reply) {
  const OrderedJson answer{{"object", "list"}, {"data", list_models(context)}};
  reply->send(200, "application/json", dump(answer));
}

void get_model(ServeContext& context, const HttpRequest& http,
               const std::shared_ptr<HttpReply>& reply) {
  const std::string asked = http.path.substr(kModels.size());
  StoredModel model = context.pool.store().resolve(requested_model(context, asked));
  model.name = asked;
  reply->send(200, "application/json", dump(model_json(model, context.pool.loaded())));
}

}  // namespace

void add_model_routes(RouteTable& table, ServeContext& context) {
  add_openai_route(table, context, "GET", "/v1/models", get_models);
  add_openai_route(table, context, "GET", "/v1/models/*", get_model);
}

}  // namespace jielong::serve
