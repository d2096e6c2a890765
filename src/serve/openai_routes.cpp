#include <fmt/format.h>

#include <bit>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/base64.h"
#include "base/error.h"
#include "generate/embedding.h"
#include "serve/answer_writer.h"
#include "serve/model_names.h"
#include "serve/openai_chat.h"
#include "serve/openai_completion.h"
#include "serve/openai_embeddings.h"
#include "serve/openai_routes.h"
#include "serve/openai_tokens.h"

namespace jielong::serve {
namespace {

using Reply = std::shared_ptr<HttpReply>;

std::int64_t seconds_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

void post_chat(ServeContext& context, const HttpRequest& http, const Reply& reply) {
  OpenAiChat request = read_openai_chat(body_of(context, http), context.limits);
  OpenAiAnswerInfo info = answer_info(context, request.chat.model);
  request.chat.model = requested_model(context, request.chat.model);
  if (!request.seeded) request.chat.options.seed = fresh_seed();
  auto writer = openai_chat_writer(request, std::move(info));
  answer_chat(context, request.chat, request.stream, std::move(writer), http.id, reply);
}

void post_completion(ServeContext& context, const HttpRequest& http, const Reply& reply) {
  OpenAiCompletion request = read_openai_completion(body_of(context, http), context.limits);
  OpenAiAnswerInfo info = answer_info(context, request.model);
  if (!request.suffix.empty()) fill_in_the_middle(request, info.loaded->model().tokenizer());
  const std::uint64_t seed = fresh_seed();
  for (ChatRequest& chat : request.chats) {
    chat.model = requested_model(context, request.model);
    if (!request.seeded) chat.options.seed = seed;
  }
  auto writer = openai_completion_writer(request, std::move(info));
  answer_chats(context, request.chats, request.stream, std::move(writer), http.id, reply);
}

/// The vector's bytes as a little-endian machine has them, in base64.
std::string vector_base64(const std::vector<float>& vector) {
  std::string bytes;
  bytes.reserve(vector.size() * sizeof(float));
  for (const float x : vector) {
    const auto bits = std::bit_cast<std::uint32_t>(x);
    for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(bits >> shift & 0xFF);
  }
  return encode_base64(bytes);
}

void post_embeddings(ServeContext& context, const HttpRequest& http, const Reply& reply) {
  const OpenAiEmbeddings request = read_openai_embeddings(body_of(context, http), context.limits);
  const std::string name = requested_model(context, request.model);
  const std::shared_ptr<LoadedModel> loaded = context.pool.acquire(name);
  const std::int64_t channels = loaded->model().hyper().channels;
  if (request.dimensions != 0 && request.dimensions != channels) {
    throw Error(ErrorKind::unsupported,
                fmt::format("this model's vectors have {} dimensions, and lose their meaning "
                            "when they are cut",
                            channels),
                "dimensions", "leave it out");
  }
  const Tokenizer& tokenizer = loaded->model().tokenizer();
  OrderedJson data = OrderedJson::array();
  std::int64_t count = 0;
  for (const OpenAiEmbeddings::Input& input : request.inputs) {
    if (reply->dropped()) return;
    std::vector<Token> tokens = input.tokens;
    if (tokens.empty()) tokens = tokenizer.encode(input.text);
    count += static_cast<std::int64_t>(tokens.size());
    std::vector<float> vector;
    loaded->scheduler().between_steps([&] { vector = embed(loaded->runner(), tokens); });
    OrderedJson embedding =
        request.base64 ? OrderedJson(vector_base64(vector)) : OrderedJson(vector);
    data.push_back(
        {{"object", "embedding"}, {"index", data.size()}, {"embedding", std::move(embedding)}});
  }
  const OrderedJson answer{{"object", "list"},
                           {"data", std::move(data)},
                           {"model", request.model.empty() ? name : request.model},
                           {"usage", {{"prompt_tokens", count}, {"total_tokens", count}}}};
  reply->send(200, "application/json", dump(answer));
}

}  // namespace

OrderedJson body_of(const ServeContext& context, const HttpRequest& http) {
  return parse_ordered_json(http.body, "request body",
                            static_cast<std::size_t>(context.limits.json_depth));
}

OpenAiAnswerInfo answer_info(ServeContext& context, const std::string& asked) {
  const std::string name = requested_model(context, asked);
  return {asked.empty() ? name : asked, "jielong-" + context.version, seconds_now(),
          context.pool.acquire(name)};
}

void add_openai_route(RouteTable& table, ServeContext& context, const char* method,
                      const char* path, OpenAiHandler handler) {
  Route route;
  route.method = method;
  route.path = path;
  route.dialect = Dialect::openai;
  route.handler = [&context, handler](const HttpRequest& http, const Reply& reply) {
    handler(context, http, reply);
  };
  table.add(std::move(route));
}

void add_openai_routes(RouteTable& table, ServeContext& context) {
  add_openai_route(table, context, "POST", "/v1/chat/completions", post_chat);
  add_openai_route(table, context, "POST", "/v1/completions", post_completion);
  add_openai_route(table, context, "POST", "/v1/embeddings", post_embeddings);
  add_model_routes(table, context);
  add_responses_routes(table, context);
  add_tokenize_routes(table, context);
}

}  // namespace jielong::serve
