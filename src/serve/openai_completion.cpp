#include "serve/openai_completion.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "serve/openai_fields.h"

namespace jielong::serve {
namespace {

/// A text, tokens, or a list of either: one request each.
void read_prompts(RequestFields& fields, const Limits& limits, OpenAiCompletion& request) {
  const OrderedJson* prompt = fields.any("prompt");
  if (prompt == nullptr) throw fields.missing("prompt");
  const auto add = [&](const OrderedJson& entry, const std::string& path) {
    ChatRequest chat;
    if (entry.is_string()) {
      chat.prompt = entry.get<std::string>();
    } else if (entry.is_array() && !entry.empty()) {
      chat.prompt_tokens = read_token_list(entry, path);
    } else {
      throw bad_input("must be a text or a list of tokens, not " + describe(entry), path);
    }
    request.chats.push_back(std::move(chat));
  };
  const bool many = prompt->is_array() && !prompt->empty() && !prompt->front().is_number();
  if (!many) return add(*prompt, fields.path("prompt"));
  for (const OrderedJson& entry :
       *fields.list("prompt", static_cast<std::size_t>(limits.prompts))) {
    add(entry, fmt::format("{}[{}]", fields.path("prompt"), request.chats.size()));
  }
}

}  // namespace

OpenAiCompletion read_openai_completion(const OrderedJson& body, const Limits& limits) {
  OpenAiCompletion request;
  RequestFields fields(body);
  request.model = fields.text("model", 1024).value_or("");
  read_prompts(fields, limits, request);
  request.suffix = fields.text("suffix").value_or("");

  ChatRequest common;
  // OpenAI's default for this endpoint.
  common.options.max_tokens = fields.integer("max_tokens", 0, limits.max_tokens).value_or(16);
  read_generation(fields, limits, common);
  request.seeded = fields.has("seed");
  read_response_format(fields, limits, common.shape);
  request.stream = fields.boolean("stream").value_or(false);
  request.n = fields.integer("n", 1, limits.choices).value_or(1);
  request.best_of = fields.integer("best_of", 1, limits.choices).value_or(request.n);
  if (request.best_of < request.n) throw bad_input("must not be less than n", "best_of");
  if (request.stream && request.best_of > request.n) {
    throw bad_input("cannot be streamed, since the best is known at the end only", "best_of");
  }
  const auto choices = request.best_of * static_cast<std::int64_t>(request.chats.size());
  const std::int64_t most = limits.choices * limits.prompts;
  if (choices > most) {
    throw Error(ErrorKind::limit,
                fmt::format("asks for {} choices in all, more than the {} allowed", choices, most),
                "best_of");
  }
  request.logprobs = fields.integer("logprobs", 0, limits.top_logprobs).value_or(-1);
  request.echo = fields.boolean("echo").value_or(false);
  if (request.echo && request.logprobs >= 0) {
    throw Error(ErrorKind::unsupported, "together with logprobs is not supported", "echo",
                "ask for one of the two");
  }
  if (request.echo && !request.suffix.empty()) {
    throw bad_input("makes no sense together with suffix", "echo");
  }
  common.options.logprobs =
      request.best_of > request.n ? std::max<std::int64_t>(request.logprobs, 0) : request.logprobs;
  common.n = request.best_of;
  if (const OrderedJson* options = fields.object("stream_options")) {
    if (!request.stream) throw bad_input("makes sense only with stream", "stream_options");
    RequestFields stream(*options, "stream_options");
    request.include_usage = stream.boolean("include_usage").value_or(false);
    stream.boolean("include_obfuscation");
    stream.finish();
  }
  fields.ignore({"user"});
  fields.finish();

  for (ChatRequest& chat : request.chats) {
    ChatRequest full = common;
    full.prompt = std::move(chat.prompt);
    full.prompt_tokens = std::move(chat.prompt_tokens);
    chat = std::move(full);
  }
  return request;
}

void fill_in_the_middle(OpenAiCompletion& request, const Tokenizer& tokenizer) {
  const Vocabulary& vocabulary = tokenizer.vocabulary();
  const auto prefix = vocabulary.role(TokenRole::fim_prefix);
  const auto suffix = vocabulary.role(TokenRole::fim_suffix);
  const auto middle = vocabulary.role(TokenRole::fim_middle);
  if (!prefix || !suffix || !middle) {
    throw Error(ErrorKind::unsupported, "this model was not trained to fill in the middle",
                "suffix", "use a code model, or leave it out");
  }
  // What stands around the gap is the user's text: control tokens in it stay text.
  const std::vector<Token> after = tokenizer.encode(request.suffix, {.add_special = false});
  for (ChatRequest& chat : request.chats) {
    std::vector<Token> before = chat.prompt_tokens;
    if (before.empty()) before = tokenizer.encode(chat.prompt, {.add_special = false});
    std::vector<Token> tokens;
    const auto bos = vocabulary.role(TokenRole::bos);
    if (tokenizer.adds_bos() && bos) tokens.push_back(*bos);
    tokens.push_back(*prefix);
    tokens.insert(tokens.end(), before.begin(), before.end());
    tokens.push_back(*suffix);
    tokens.insert(tokens.end(), after.begin(), after.end());
    tokens.push_back(*middle);
    chat.prompt_tokens = std::move(tokens);
  }
}

}  // namespace jielong::serve
