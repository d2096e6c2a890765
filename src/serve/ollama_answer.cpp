#include "serve/ollama_answer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

namespace jielong::serve {
namespace {

using Kind = AnswerPiece::Kind;
using Endpoint = OllamaAnswerOptions::Endpoint;

std::int64_t nanoseconds(double seconds) { return static_cast<std::int64_t>(seconds * 1e9); }

/// A record with what all have in common.
OrderedJson record_of(const OllamaAnswerOptions& options, const std::string& text,
                      const std::string& thinking) {
  OrderedJson record{{"model", options.model}, {"created_at", rfc3339_now()}};
  OrderedJson* place = &record;
  if (options.endpoint == Endpoint::chat) {
    record["message"] = {{"role", "assistant"}, {"content", text}};
    place = &record["message"];
  } else {
    record["response"] = text;
  }
  if (!thinking.empty()) (*place)["thinking"] = thinking;
  return record;
}

}  // namespace

/// What has come and, in a stream, is not sent yet.
struct OllamaAnswer::State {
  std::string content, thinking;
  OrderedJson calls = OrderedJson::array(), logprobs = OrderedJson::array();
  std::string call_name, call_arguments;
  std::int64_t call_count = 0;
  std::vector<Token> tokens;
  std::string done_reason = "stop";

  void add(const AnswerPiece& piece, const OllamaAnswerOptions& options);
};

void OllamaAnswer::State::add(const AnswerPiece& piece, const OllamaAnswerOptions& options) {
  switch (piece.kind) {
    case Kind::content: content += piece.text; break;
    case Kind::reasoning:
      if (options.show_thinking) thinking += piece.text;
      break;
    case Kind::tool_call:
      call_name = piece.text;
      call_arguments.clear();
      break;
    case Kind::tool_arguments: call_arguments += piece.text; break;
    case Kind::tool_end: {
      OrderedJson arguments = OrderedJson::parse(call_arguments, nullptr, false);
      if (!arguments.is_object()) arguments = OrderedJson::object();
      calls.push_back(
          {{"id", fmt::format("call_{}_{}", options.request_id, call_count)},
           {"function",
            {{"index", call_count}, {"name", call_name}, {"arguments", std::move(arguments)}}}});
      ++call_count;
      break;
    }
  }
}

OllamaAnswer::OllamaAnswer(OllamaAnswerOptions options)
    : options_(std::move(options)), state_(std::make_unique<State>()) {}

OllamaAnswer::~OllamaAnswer() = default;

std::string OllamaAnswer::begin(std::int64_t) { return {}; }

/// What has gathered, as a record.
std::string OllamaAnswer::take_record() {
  OrderedJson record =
      record_of(options_, std::exchange(state_->content, {}), std::exchange(state_->thinking, {}));
  if (!state_->calls.empty()) {
    record["message"]["tool_calls"] = std::exchange(state_->calls, OrderedJson::array());
  }
  record["done"] = false;
  if (!state_->logprobs.empty()) {
    record["logprobs"] = std::exchange(state_->logprobs, OrderedJson::array());
  }
  return dump(record) + '\n';
}

std::string OllamaAnswer::push(const ChatEvent& event) {
  State& state = *state_;
  for (const AnswerPiece& piece : event.pieces) state.add(piece, options_);
  if (event.token != nullptr && event.token->token != TokenEvent::kNoToken) {
    const TokenEvent& token = *event.token;
    if (options_.context) state.tokens.push_back(token.token);
    if (options_.logprob) state.logprobs.push_back(options_.logprob(token));
  }
  if (event.end == AnswerEnd::length) state.done_reason = "length";
  const bool news = !state.content.empty() || !state.thinking.empty() || !state.calls.empty();
  return options_.stream && news ? take_record() : std::string();
}

std::string OllamaAnswer::end(const ChatUsage& usage) { return whole(usage) + '\n'; }

std::string OllamaAnswer::failed(const HttpProblem& problem) {
  return problem_json(Dialect::ollama, problem, options_.request_id) + '\n';
}

std::string OllamaAnswer::whole(const ChatUsage& usage) {
  OrderedJson record = record_of(options_, state_->content, state_->thinking);
  if (!state_->calls.empty()) record["message"]["tool_calls"] = state_->calls;
  record["done"] = true;
  record["done_reason"] = state_->done_reason;
  if (!state_->logprobs.empty()) record["logprobs"] = state_->logprobs;
  if (options_.context) {
    std::vector<Token> context = *options_.context;
    context.insert(context.end(), state_->tokens.begin(), state_->tokens.end());
    record["context"] = std::move(context);
  }
  const std::chrono::nanoseconds total = std::chrono::steady_clock::now() - options_.began;
  record["total_duration"] = total.count();
  record["load_duration"] = options_.load_duration.count();
  record["prompt_eval_count"] = usage.prompt_tokens;
  record["prompt_eval_cached_count"] = usage.cached_tokens;
  record["prompt_eval_duration"] = nanoseconds(usage.prefill_seconds);
  record["eval_count"] = usage.answer_tokens;
  record["eval_duration"] = nanoseconds(usage.decode_seconds);
  return dump(record);
}

std::string ollama_load_record(const OllamaAnswerOptions& options, bool unloaded) {
  OrderedJson record = record_of(options, "", "");
  record["done"] = true;
  record["done_reason"] = unloaded ? "unload" : "load";
  return dump(record);
}

}  // namespace jielong::serve
