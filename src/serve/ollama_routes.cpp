#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "generate/chat_prompt.h"
#include "serve/context.h"
#include "serve/model_names.h"
#include "serve/ollama_answer.h"
#include "serve/ollama_embed.h"
#include "serve/ollama_models.h"
#include "serve/ollama_pull.h"
#include "serve/ollama_request.h"
#include "serve/openai_tokens.h"

namespace jielong::serve {
namespace {

using Endpoint = OllamaAnswerOptions::Endpoint;
using Reply = std::shared_ptr<HttpReply>;
constexpr std::string_view kJson = "application/json";

OrderedJson body_of(const ServeContext& context, const HttpRequest& request) {
  return parse_ordered_json(request.body, "request body",
                            static_cast<std::size_t>(context.limits.json_depth));
}

/// The prompt for a model to fill the gap between `chat.prompt` and `suffix`.
std::vector<Token> fill_in_prompt(const Tokenizer& tokenizer, const std::string& prompt,
                                  const std::string& suffix) {
  const Vocabulary& vocabulary = tokenizer.vocabulary();
  const auto before = vocabulary.role(TokenRole::fim_prefix);
  const auto behind = vocabulary.role(TokenRole::fim_suffix);
  const auto middle = vocabulary.role(TokenRole::fim_middle);
  if (!before || !behind || !middle) {
    throw Error(ErrorKind::unsupported, "the model cannot fill gaps", "suffix",
                "leave it out, or use a code model such as Qwen2.5-Coder");
  }
  std::vector<Token> tokens;
  const auto bos = vocabulary.role(TokenRole::bos);
  if (tokenizer.adds_bos() && bos) tokens.push_back(*bos);
  tokens.push_back(*before);
  tokenizer.encode_to(tokens, prompt, {.add_special = false});
  tokens.push_back(*behind);
  tokenizer.encode_to(tokens, suffix, {.add_special = false});
  tokens.push_back(*middle);
  return tokens;
}

/// Puts the conversation so far before the prompt, and tells the answer what it was.
void join_context(const LoadedModel& loaded, OllamaRequest& asked, OllamaAnswerOptions& options) {
  std::vector<Token> tokens =
      make_chat_prompt(loaded.model(), loaded.chat_template(), asked.chat).tokens;
  if (!asked.context.empty()) {
    const Vocabulary& vocabulary = loaded.model().tokenizer().vocabulary();
    for (const Token token : asked.context) {
      if (!vocabulary.contains(token)) {
        throw bad_input("holds a token that the model does not have", "context");
      }
    }
    tokens.insert(tokens.begin(), asked.context.begin(), asked.context.end());
    asked.chat.messages.clear();
    asked.chat.prompt_tokens = tokens;
  }
  options.context = std::move(tokens);
}

void answer(ServeContext& context, OllamaRequest asked, Endpoint endpoint,
            const HttpRequest& request, const Reply& reply) {
  OllamaAnswerOptions options;
  options.endpoint = endpoint;
  options.model = asked.chat.model;
  options.request_id = request.id;
  options.stream = asked.stream;
  options.show_thinking = asked.show_thinking;
  ChatRequest& chat = asked.chat;
  chat.model = requested_model(context, chat.model);
  const auto set_keep_alive = [&] {
    if (asked.keep_alive) context.pool.keep_alive(chat.model, *asked.keep_alive);
  };
  if (asked.load_only) {
    const bool unload = asked.keep_alive && asked.keep_alive->count() == 0;
    const auto loaded = unload ? nullptr : context.pool.acquire(chat.model);
    set_keep_alive();
    reply->send(200, kJson, ollama_load_record(options, unload));
    return;
  }
  const std::shared_ptr<LoadedModel> loaded = context.pool.acquire(chat.model);
  options.load_duration = std::chrono::steady_clock::now() - options.began;
  const Tokenizer& tokenizer = loaded->model().tokenizer();
  if (chat.options.logprobs >= 0) {
    options.logprob = [loaded](const TokenEvent& event) {
      return logprob_json(loaded->model().tokenizer(), event);
    };
  }
  if (!asked.suffix.empty()) {
    chat.prompt_tokens = fill_in_prompt(tokenizer, chat.prompt, asked.suffix);
    chat.prompt.clear();
  } else if (endpoint == Endpoint::generate && !asked.raw) {
    join_context(*loaded, asked, options);
  }
  answer_chat(context, chat, asked.stream, std::make_unique<OllamaAnswer>(std::move(options)),
              request.id, reply);
  set_keep_alive();
}

void refuse(const HttpRequest& request, const char* why) {
  throw Error(ErrorKind::unsupported, why, request.path);
}

}  // namespace

void add_ollama_routes(RouteTable& table, ServeContext& context) {
  const auto add = [&table](std::string method, std::string path, HttpHandler handler) {
    table.add(
        {std::move(method), std::move(path), Dialect::ollama, false, false, std::move(handler)});
  };
  add("POST", "/api/chat", [&context](const HttpRequest& request, const Reply& reply) {
    answer(context, read_ollama_chat(body_of(context, request), context.limits, fresh_seed()),
           Endpoint::chat, request, reply);
  });
  add("POST", "/api/generate", [&context](const HttpRequest& request, const Reply& reply) {
    answer(context, read_ollama_generate(body_of(context, request), context.limits, fresh_seed()),
           Endpoint::generate, request, reply);
  });
  add("POST", "/api/embed", [&context](const HttpRequest& request, const Reply& reply) {
    reply->send(200, kJson, ollama_embed(context, body_of(context, request)));
  });
  add("POST", "/api/embeddings", [&context](const HttpRequest& request, const Reply& reply) {
    reply->send(200, kJson, ollama_embeddings(context, body_of(context, request)));
  });

  const auto cache = std::make_shared<ModelDetailsCache>();
  add("GET", "/api/tags", [&context, cache](const HttpRequest&, const Reply& reply) {
    reply->send(200, kJson, ollama_tags(context, *cache));
  });
  add("GET", "/api/ps", [&context, cache](const HttpRequest&, const Reply& reply) {
    reply->send(200, kJson, ollama_processes(context, *cache));
  });
  add("POST", "/api/show", [&context, cache](const HttpRequest& request, const Reply& reply) {
    reply->send(200, kJson, ollama_show(context, *cache, body_of(context, request)));
  });
  add("DELETE", "/api/delete", [&context](const HttpRequest& request, const Reply& reply) {
    ollama_delete(context, body_of(context, request));
    reply->send(200, kJson, "{}");
  });
  add("GET", "/api/version", [&context](const HttpRequest&, const Reply& reply) {
    reply->send(200, kJson, dump({{"version", context.version}}));
  });
  const auto pull = std::make_shared<OllamaPull>(context);
  add("POST", "/api/pull",
      [pull](const HttpRequest& request, const Reply& reply) { (*pull)(request, reply); });

  // What belongs to Ollama's own store and registry.
  for (const char* path : {"/api/create", "/api/copy", "/api/push", "/api/blobs/*"}) {
    add("POST", path, [](const HttpRequest& request, const Reply&) {
      refuse(request, "models are not made or sent over this server");
    });
  }
  add("HEAD", "/api/blobs/*", [](const HttpRequest& request, const Reply&) {
    refuse(request, "models are not made or sent over this server");
  });
}

}  // namespace jielong::serve
