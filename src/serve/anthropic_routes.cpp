#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "serve/anthropic_answer.h"
#include "serve/anthropic_request.h"
#include "serve/context.h"
#include "serve/model_names.h"
#include "serve/openai_tokens.h"

namespace jielong::serve {
namespace {

OrderedJson body_of(const ServeContext& context, const HttpRequest& request) {
  return parse_ordered_json(request.body, "request body",
                            static_cast<std::size_t>(context.limits.json_depth));
}

void post_messages(ServeContext& context, const HttpRequest& request,
                   const std::shared_ptr<HttpReply>& reply) {
  AnthropicRequest asked = read_anthropic_request(body_of(context, request), context.limits);
  const std::string model = asked.chat.model;
  asked.chat.model = requested_model(context, model);
  asked.chat.options.seed = fresh_seed();
  answer_chat(context, asked.chat, asked.stream,
              std::make_unique<AnthropicAnswer>(request.id, model, asked.thinking), request.id,
              reply);
}

void post_count_tokens(ServeContext& context, const HttpRequest& request,
                       const std::shared_ptr<HttpReply>& reply) {
  AnthropicRequest asked = read_anthropic_count(body_of(context, request), context.limits);
  asked.chat.model = requested_model(context, asked.chat.model);
  const OrderedJson answer{{"input_tokens", count_prompt_tokens(context.pool, asked.chat)}};
  reply->send(200, "application/json", dump(answer));
}

}  // namespace

void add_anthropic_routes(RouteTable& table, ServeContext& context) {
  table.add({"POST", "/v1/messages", Dialect::anthropic, false, false,
             [&context](const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) {
               post_messages(context, request, reply);
             }});
  table.add({"POST", "/v1/messages/count_tokens", Dialect::anthropic, false, false,
             [&context](const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) {
               post_count_tokens(context, request, reply);
             }});
}

}  // namespace jielong::serve
