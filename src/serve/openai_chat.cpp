#include "serve/openai_chat.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "serve/openai_fields.h"
#include "serve/openai_messages.h"

namespace jielong::serve {
namespace {

void read_lengths(RequestFields& fields, const Limits& limits, GenerateOptions& options) {
  const auto old_name = fields.integer("max_tokens", 1, limits.max_tokens);
  const auto new_name = fields.integer("max_completion_tokens", 1, limits.max_tokens);
  if (old_name && new_name && *old_name != *new_name) {
    throw bad_input("contradicts max_tokens", "max_completion_tokens", "give one of the two");
  }
  if (old_name) options.max_tokens = *old_name;
  if (new_name) options.max_tokens = *new_name;
}

void read_logprobs(RequestFields& fields, const Limits& limits, OpenAiChat& request) {
  request.logprobs = fields.boolean("logprobs").value_or(false);
  const auto top = fields.integer("top_logprobs", 0, limits.top_logprobs);
  if (top.value_or(0) > 0 && !request.logprobs) {
    throw bad_input("asks for more of what logprobs does not ask for", "top_logprobs",
                    "set logprobs to true");
  }
  if (request.logprobs) request.chat.options.logprobs = top.value_or(0);
}

/// What OpenAI offers and Jielong does not, and what changes nothing here.
void read_the_rest(RequestFields& fields) {
  fields.refuse("audio", "Jielong answers in text");
  fields.refuse("functions", "it is out of use; give tools");
  fields.refuse("function_call", "it is out of use; give tool_choice");
  fields.refuse("web_search_options", "the server searches nothing");
  fields.refuse("moderation", "there is no moderation model");
  fields.refuse("store", "the server keeps no conversations", false);
  if (const auto modalities = fields.texts("modalities", 8, 64)) {
    for (const std::string& modality : *modalities) {
      if (modality == "text") continue;
      throw Error(ErrorKind::unsupported, "only \"text\" is supported", "modalities");
    }
  }
  if (fields.choice("verbosity", {"medium", "low", "high"}).value_or(0) != 0) {
    throw Error(ErrorKind::unsupported, "the models here know no verbosity", "verbosity",
                "say in the prompt how long the answer should be");
  }
  fields.ignore({"user", "metadata", "service_tier", "safety_identifier", "prediction",
                 "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"});
}

}  // namespace

OpenAiChat read_openai_chat(const OrderedJson& body, const Limits& limits) {
  OpenAiChat request;
  ChatRequest& chat = request.chat;
  RequestFields fields(body);
  chat.model = fields.text("model", 1024).value_or("");
  const OrderedJson* messages = fields.any("messages");
  if (messages == nullptr) throw fields.missing("messages");
  chat.messages = read_openai_messages(*messages, "messages", limits).dump();
  read_lengths(fields, limits, chat.options);
  read_generation(fields, limits, chat);
  request.seeded = fields.has("seed");
  chat.n = fields.integer("n", 1, limits.choices).value_or(1);
  read_logprobs(fields, limits, request);
  read_response_format(fields, limits, chat.shape);
  read_tools(fields, false, limits, chat);
  read_template_variables(fields, read_effort(fields, "reasoning_effort"), chat);
  request.stream = fields.boolean("stream").value_or(false);
  if (const OrderedJson* options = fields.object("stream_options")) {
    if (!request.stream) throw bad_input("makes sense only with stream", "stream_options");
    RequestFields stream(*options, "stream_options");
    request.include_usage = stream.boolean("include_usage").value_or(false);
    stream.boolean("include_obfuscation");  // loopback needs no padding
    stream.finish();
  }
  read_the_rest(fields);
  fields.finish();
  return request;
}

}  // namespace jielong::serve
