#include "serve/openai_tokens.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <random>

#include "base/utf8.h"

namespace jielong::serve {
namespace {

OrderedJson bytes_json(const std::string& bytes) {
  OrderedJson list = OrderedJson::array();
  for (const char byte : bytes) list.push_back(static_cast<unsigned char>(byte));
  return list;
}

OrderedJson one_logprob(const Tokenizer& tokenizer, const TokenLogprob& entry) {
  const std::string bytes = tokenizer.bytes(entry.token);
  return {
      {"token", sanitize_utf8(bytes)}, {"logprob", entry.logprob}, {"bytes", bytes_json(bytes)}};
}

}  // namespace

std::string token_text(const Tokenizer& tokenizer, Token token) {
  return sanitize_utf8(tokenizer.bytes(token));
}

OrderedJson logprob_json(const Tokenizer& tokenizer, const TokenEvent& event) {
  OrderedJson json = one_logprob(tokenizer, {event.token, event.logprob});
  OrderedJson& top = json["top_logprobs"] = OrderedJson::array();
  for (const TokenLogprob& entry : event.top_logprobs) top.push_back(one_logprob(tokenizer, entry));
  return json;
}

OrderedJson trace_json(const Tokenizer& tokenizer, const TokenEvent& event) {
  OrderedJson steps = OrderedJson::array();
  if (event.trace != nullptr) {
    for (const DiceStep& step : event.trace->steps) {
      OrderedJson top = OrderedJson::array();
      for (const TokenProbability& entry : step.top) {
        top.push_back({{"id", entry.token},
                       {"text", token_text(tokenizer, entry.token)},
                       {"p", entry.probability}});
      }
      steps.push_back({{"sampler", step.sampler},
                       {"description", step.description},
                       {"survivors", step.survivors},
                       {"top", std::move(top)}});
    }
  }
  const double chosen = event.trace != nullptr ? event.trace->chosen.probability : 0;
  return {{"id", event.token},
          {"text", token_text(tokenizer, event.token)},
          {"chosen_p", chosen},
          {"steps", std::move(steps)}};
}

OrderedJson usage_json(const ChatUsage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.answer_tokens},
          {"total_tokens", usage.prompt_tokens + usage.answer_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
          {"completion_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}}};
}

std::uint64_t fresh_seed() {
  thread_local std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

std::string unique_id(std::string_view prefix) {
  return fmt::format("{}{:016x}{:08x}", prefix, fresh_seed(), fresh_seed() & 0xffffffffU);
}

}  // namespace jielong::serve
