#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "serve/openai_chat.h"
#include "serve/openai_tokens.h"
#include "serve/streams.h"

namespace jielong::serve {
namespace {

using Kind = AnswerPiece::Kind;

std::string_view finish_reason(AnswerEnd end) {
  switch (end) {
    case AnswerEnd::length: return "length";
    case AnswerEnd::tool_calls: return "tool_calls";
    case AnswerEnd::stop:
    case AnswerEnd::cancelled: break;
  }
  return "stop";
}

class ChatWriter : public AnswerWriter {
 public:
  ChatWriter(const OpenAiChat& request, OpenAiAnswerInfo info)
      : info_(std::move(info)),
        stream_(request.stream),
        include_usage_(request.include_usage),
        logprobs_(request.logprobs),
        trace_(request.chat.options.trace_top > 0),
        id_(unique_id("chatcmpl-")),
        choices_(static_cast<std::size_t>(request.chat.n)) {}

  Dialect dialect() const override { return Dialect::openai; }
  std::string_view stream_type() const override { return kEventStream; }
  std::string ping() const override { return std::string(kCommentPing); }

  std::string begin(std::int64_t) override {
    std::string out;
    for (std::size_t i = 0; i < choices_.size(); ++i) {
      out += chunk(i, {{"role", "assistant"}, {"content", ""}}, nullptr, nullptr, nullptr);
    }
    return out;
  }

  std::string push(const ChatEvent& event) override {
    Choice& choice = choices_[static_cast<std::size_t>(event.choice)];
    OrderedJson tokens;
    const OrderedJson logprobs = take_token(choice, event, tokens);
    if (event.end) choice.finish_reason = finish_reason(*event.end);
    if (!stream_) {
      keep(choice, event.pieces);
      return {};
    }
    const auto index = static_cast<std::size_t>(event.choice);
    const OrderedJson delta = delta_of(choice, event.pieces);
    std::string out;
    if (!delta.empty() || !logprobs.is_null() || !tokens.is_null()) {
      out += chunk(index, delta, logprobs, nullptr, tokens);
    }
    if (event.end) {
      out += chunk(index, OrderedJson::object(), nullptr, choice.finish_reason, nullptr);
    }
    return out;
  }

  std::string end(const ChatUsage& usage) override {
    std::string out;
    if (include_usage_) {
      OrderedJson last = frame("chat.completion.chunk");
      last["choices"] = OrderedJson::array();
      last["usage"] = usage_json(usage);
      out += sse_event({}, dump(last));
    }
    return out + sse_event({}, "[DONE]");
  }

  std::string failed(const HttpProblem& problem) override {
    return sse_event({}, problem_json(Dialect::openai, problem, {})) + sse_event({}, "[DONE]");
  }

  std::string whole(const ChatUsage& usage) override {
    OrderedJson json = frame("chat.completion");
    OrderedJson& list = json["choices"] = OrderedJson::array();
    OrderedJson tokens = OrderedJson::array();
    for (Choice& choice : choices_) {
      OrderedJson message{{"role", "assistant"}};
      const bool silent = choice.content.empty() && !choice.calls.empty();
      message["content"] = silent ? OrderedJson() : OrderedJson(choice.content);
      message["refusal"] = nullptr;
      if (!choice.reasoning.empty()) {
        message["reasoning_content"] = choice.reasoning;
        message["reasoning"] = choice.reasoning;
      }
      if (!choice.calls.empty()) {
        message["tool_calls"] = OrderedJson::array();
        for (const Call& call : choice.calls) {
          message["tool_calls"].push_back(
              {{"id", call.id},
               {"type", "function"},
               {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
        }
      }
      OrderedJson logprobs;
      if (logprobs_) logprobs = {{"content", std::move(choice.logprobs)}, {"refusal", nullptr}};
      list.push_back({{"index", list.size()},
                      {"message", std::move(message)},
                      {"logprobs", std::move(logprobs)},
                      {"finish_reason", choice.finish_reason}});
      tokens.push_back(std::move(choice.tokens));
    }
    json["usage"] = usage_json(usage);
    if (trace_) {
      // One list a choice.
      json["jielong"] = {{"tokens", tokens.size() == 1 ? std::move(tokens[0]) : std::move(tokens)}};
    }
    return dump(json);
  }

 private:
  struct Call {
    std::string id, name, arguments;
  };
  struct Choice {
    std::string content, reasoning;
    std::vector<Call> calls;
    OrderedJson logprobs = OrderedJson::array(), tokens = OrderedJson::array();
    std::string finish_reason;
  };

  OrderedJson frame(const char* object) const {
    return {{"id", id_},
            {"object", object},
            {"created", info_.created},
            {"model", info_.model},
            {"system_fingerprint", info_.fingerprint}};
  }

  std::string chunk(std::size_t index, OrderedJson delta, const OrderedJson& logprobs,
                    const OrderedJson& finish, const OrderedJson& tokens) const {
    OrderedJson json = frame("chat.completion.chunk");
    json["choices"] = OrderedJson::array({{{"index", index},
                                           {"delta", std::move(delta)},
                                           {"logprobs", logprobs},
                                           {"finish_reason", finish}}});
    if (include_usage_) json["usage"] = nullptr;
    if (!tokens.is_null()) json["jielong"] = {{"tokens", tokens}};
    return sse_event({}, dump(json));
  }

  /// The logprobs of the token that the event tells of, or null; its trace goes to `tokens`.
  OrderedJson take_token(Choice& choice, const ChatEvent& event, OrderedJson& tokens) {
    if (event.token == nullptr || !info_.loaded) return nullptr;
    const Tokenizer& tokenizer = info_.loaded->model().tokenizer();
    if (trace_) {
      tokens = OrderedJson::array({trace_json(tokenizer, *event.token)});
      if (!stream_) choice.tokens.push_back(std::move(tokens[0]));
    }
    // The END token is no part of the text.
    if (!logprobs_ || event.token->finish == FinishReason::end_token) return nullptr;
    OrderedJson entry = logprob_json(tokenizer, *event.token);
    if (!stream_) {
      choice.logprobs.push_back(std::move(entry));
      return nullptr;
    }
    return {{"content", OrderedJson::array({std::move(entry)})}, {"refusal", nullptr}};
  }

  Call& begin_call(Choice& choice, const std::string& name) {
    return choice.calls.emplace_back(Call{unique_id("call_"), name, {}});
  }

  void keep(Choice& choice, const std::vector<AnswerPiece>& pieces) {
    for (const AnswerPiece& piece : pieces) {
      switch (piece.kind) {
        case Kind::content: choice.content += piece.text; break;
        case Kind::reasoning: choice.reasoning += piece.text; break;
        case Kind::tool_call: begin_call(choice, piece.text); break;
        case Kind::tool_arguments: choice.calls.back().arguments += piece.text; break;
        case Kind::tool_end: break;
      }
    }
  }

  OrderedJson delta_of(Choice& choice, const std::vector<AnswerPiece>& pieces) {
    OrderedJson delta = OrderedJson::object();
    const auto add = [&delta](const char* name, const std::string& text) {
      delta[name] = delta.value(name, std::string()) + text;
    };
    for (const AnswerPiece& piece : pieces) {
      switch (piece.kind) {
        case Kind::content: add("content", piece.text); break;
        case Kind::reasoning:
          add("reasoning_content", piece.text);
          add("reasoning", piece.text);
          break;
        case Kind::tool_call: {
          const Call& call = begin_call(choice, piece.text);
          delta["tool_calls"].push_back({{"index", piece.call},
                                         {"id", call.id},
                                         {"type", "function"},
                                         {"function", {{"name", call.name}, {"arguments", ""}}}});
          break;
        }
        case Kind::tool_arguments:
          delta["tool_calls"].push_back(
              {{"index", piece.call}, {"function", {{"arguments", piece.text}}}});
          break;
        case Kind::tool_end: break;
      }
    }
    return delta;
  }

  OpenAiAnswerInfo info_;
  bool stream_, include_usage_, logprobs_, trace_;
  std::string id_;
  std::vector<Choice> choices_;  ///< (n)
};

}  // namespace

std::unique_ptr<AnswerWriter> openai_chat_writer(const OpenAiChat& request, OpenAiAnswerInfo info) {
  return std::make_unique<ChatWriter>(request, std::move(info));
}

}  // namespace jielong::serve
