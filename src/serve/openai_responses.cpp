#include "serve/openai_responses.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/quote.h"
#include "serve/model_names.h"
#include "serve/openai_routes.h"
#include "serve/openai_tokens.h"

namespace jielong::serve {
namespace {

using Reply = std::shared_ptr<HttpReply>;

constexpr std::string_view kResponses = "/v1/responses/";

std::size_t size_of(const ResponseStore::Entry& entry) {
  return entry.id.size() + entry.response.size() + entry.messages.size();
}

std::string id_of(const HttpRequest& http) { return http.path.substr(kResponses.size()); }

Error unknown_response(const std::string& id) {
  return Error(ErrorKind::not_found, "there is no response " + in_quotes(id, 60), "response",
               "the server keeps the latest ones only, and none over a restart");
}

}  // namespace

void ResponseStore::put(Entry entry) {
  const std::lock_guard lock(mutex_);
  bytes_ += size_of(entry);
  entries_.push_front(std::move(entry));
  while (entries_.size() > kMostResponses || (bytes_ > kMostBytes && !entries_.empty())) {
    bytes_ -= size_of(entries_.back());
    entries_.pop_back();
  }
}

std::optional<ResponseStore::Entry> ResponseStore::find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  for (const Entry& entry : entries_) {
    if (entry.id == id) return entry;
  }
  return std::nullopt;
}

bool ResponseStore::remove(const std::string& id) {
  const std::lock_guard lock(mutex_);
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (entry->id != id) continue;
    bytes_ -= size_of(*entry);
    entries_.erase(entry);
    return true;
  }
  return false;
}

void add_responses_routes(RouteTable& table, ServeContext& context) {
  const auto store = std::make_shared<ResponseStore>();
  const auto add = [&](const char* method, const char* path, HttpHandler handler) {
    Route route;
    route.method = method;
    route.path = path;
    route.dialect = Dialect::openai;
    route.handler = std::move(handler);
    table.add(std::move(route));
  };
  add("POST", "/v1/responses", [&context, store](const HttpRequest& http, const Reply& reply) {
    OpenAiResponse request = read_openai_response(body_of(context, http), context.limits, *store);
    OpenAiAnswerInfo info = answer_info(context, request.chat.model);
    request.chat.model = requested_model(context, request.chat.model);
    if (!request.seeded) request.chat.options.seed = fresh_seed();
    auto writer = openai_response_writer(request, std::move(info), store);
    answer_chat(context, request.chat, request.stream, std::move(writer), http.id, reply);
  });
  add("GET", "/v1/responses/*", [store](const HttpRequest& http, const Reply& reply) {
    const auto entry = store->find(id_of(http));
    if (!entry) throw unknown_response(id_of(http));
    reply->send(200, "application/json", entry->response);
  });
  add("DELETE", "/v1/responses/*", [store](const HttpRequest& http, const Reply& reply) {
    const std::string id = id_of(http);
    if (!store->remove(id)) throw unknown_response(id);
    const OrderedJson answer{{"id", id}, {"object", "response"}, {"deleted", true}};
    reply->send(200, "application/json", dump(answer));
  });
}

}  // namespace jielong::serve
