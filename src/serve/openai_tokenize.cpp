#include "serve/openai_tokenize.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "generate/chat_prompt.h"
#include "serve/model_names.h"
#include "serve/openai_fields.h"
#include "serve/openai_messages.h"
#include "serve/openai_routes.h"
#include "serve/openai_tokens.h"

namespace jielong::serve {
namespace {

void post_tokenize(ServeContext& context, const HttpRequest& http,
                   const std::shared_ptr<HttpReply>& reply) {
  const TokenizeRequest request = read_tokenize(body_of(context, http), context.limits);
  const auto loaded = context.pool.acquire(requested_model(context, request.model));
  const Tokenizer& tokenizer = loaded->model().tokenizer();
  std::vector<Token> tokens;
  if (request.messages.empty()) {
    tokens = tokenizer.encode(
        request.text, {.add_special = request.add_special, .parse_special = request.parse_special});
  } else {
    ChatRequest chat;
    chat.messages = request.messages;
    tokens = make_chat_prompt(loaded->model(), loaded->chat_template(), chat).tokens;
  }
  OrderedJson list = OrderedJson::array();
  for (const Token token : tokens) {
    if (request.with_pieces) {
      list.push_back({{"id", token}, {"piece", token_text(tokenizer, token)}});
    } else {
      list.push_back(token);
    }
  }
  const OrderedJson answer{{"tokens", std::move(list)},
                           {"count", tokens.size()},
                           {"max_model_len", loaded->context_length()}};
  reply->send(200, "application/json", dump(answer));
}

void post_detokenize(ServeContext& context, const HttpRequest& http,
                     const std::shared_ptr<HttpReply>& reply) {
  const DetokenizeRequest request = read_detokenize(body_of(context, http), context.limits);
  const auto loaded = context.pool.acquire(requested_model(context, request.model));
  const std::string text =
      sanitize_utf8(loaded->model().tokenizer().decode(request.tokens, {.skip_special = false}));
  // llama.cpp's name and vLLM's.
  const OrderedJson answer{{"content", text}, {"prompt", text}};
  reply->send(200, "application/json", dump(answer));
}

}  // namespace

TokenizeRequest read_tokenize(const OrderedJson& body, const Limits& limits) {
  TokenizeRequest request;
  RequestFields fields(body);
  request.model = fields.text("model", 1024).value_or("");
  const auto content = fields.text("content"), prompt = fields.text("prompt");
  const OrderedJson* messages = fields.any("messages");
  const int given = (content ? 1 : 0) + (prompt ? 1 : 0) + (messages != nullptr ? 1 : 0);
  if (given == 0) throw fields.missing("content");
  if (given > 1) throw bad_input("give one of content, prompt and messages", "request body");
  request.text = content ? *content : prompt.value_or("");
  if (messages != nullptr) {
    request.messages = read_openai_messages(*messages, "messages", limits).dump();
  }
  request.add_special = prompt.has_value();
  for (const char* name : {"add_special", "add_special_tokens"}) {
    request.add_special = fields.boolean(name).value_or(request.add_special);
  }
  request.parse_special = fields.boolean("parse_special").value_or(true);
  for (const char* name : {"with_pieces", "return_token_strs"}) {
    request.with_pieces = fields.boolean(name).value_or(request.with_pieces);
  }
  fields.finish();
  return request;
}

DetokenizeRequest read_detokenize(const OrderedJson& body, const Limits&) {
  DetokenizeRequest request;
  RequestFields fields(body);
  request.model = fields.text("model", 1024).value_or("");
  const OrderedJson* tokens = fields.list("tokens");
  if (tokens == nullptr) throw fields.missing("tokens");
  request.tokens = read_token_list(*tokens, "tokens");
  fields.finish();
  return request;
}

void add_tokenize_routes(RouteTable& table, ServeContext& context) {
  add_openai_route(table, context, "POST", "/tokenize", post_tokenize);
  add_openai_route(table, context, "POST", "/detokenize", post_detokenize);
}

}  // namespace jielong::serve
