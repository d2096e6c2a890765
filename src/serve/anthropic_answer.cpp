#include "serve/anthropic_answer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "serve/streams.h"

namespace jielong::serve {
namespace {

using Kind = AnswerPiece::Kind;

std::string event(const OrderedJson& data) {
  return sse_event(data["type"].get_ref<const std::string&>(), dump(data));
}

std::string delta(std::size_t index, OrderedJson change) {
  return event({{"type", "content_block_delta"}, {"index", index}, {"delta", std::move(change)}});
}

/// Tokens as Anthropic counts them: what came out of the prefix cache stands apart.
OrderedJson usage_json(const ChatUsage& usage) {
  return {{"input_tokens", usage.prompt_tokens - usage.cached_tokens},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", usage.cached_tokens},
          {"output_tokens", usage.answer_tokens},
          {"output_tokens_details", {{"thinking_tokens", usage.reasoning_tokens}}}};
}

/// "req_12ab" → "msg_12ab".
std::string id_with(std::string_view prefix, std::string_view request_id) {
  const std::size_t mark = request_id.find('_');
  const std::string_view rest =
      mark == std::string_view::npos ? request_id : request_id.substr(mark + 1);
  return std::string(prefix) + std::string(rest);
}

OrderedJson nullable(const std::string& text) {
  return text.empty() ? OrderedJson() : OrderedJson(text);
}

}  // namespace

AnthropicAnswer::AnthropicAnswer(std::string request_id, std::string model, ThinkingBlocks thinking)
    : request_id_(std::move(request_id)), model_(std::move(model)), thinking_(thinking) {}

std::string AnthropicAnswer::ping() const { return event({{"type", "ping"}}); }

std::string AnthropicAnswer::begin(std::int64_t prompt_tokens) {
  ChatUsage usage;
  usage.prompt_tokens = prompt_tokens;
  return event({{"type", "message_start"},
                {"message",
                 {{"id", id_with("msg_", request_id_)},
                  {"type", "message"},
                  {"role", "assistant"},
                  {"model", model_},
                  {"content", OrderedJson::array()},
                  {"stop_reason", nullptr},
                  {"stop_sequence", nullptr},
                  {"usage", usage_json(usage)}}}}) +
         ping();
}

void AnthropicAnswer::open(Kind kind, const std::string& name, std::string& out) {
  close(out);
  Block block;
  block.kind = kind;
  OrderedJson start;
  if (kind == Kind::tool_call) {
    block.id = fmt::format("{}_{}", id_with("toolu_", request_id_), blocks_.size());
    block.name = name;
    start = {
        {"type", "tool_use"}, {"id", block.id}, {"name", name}, {"input", OrderedJson::object()}};
  } else if (kind == Kind::reasoning) {
    start = {{"type", "thinking"}, {"thinking", ""}, {"signature", ""}};
  } else {
    start = {{"type", "text"}, {"text", ""}};
  }
  out += event({{"type", "content_block_start"},
                {"index", blocks_.size()},
                {"content_block", std::move(start)}});
  blocks_.push_back(std::move(block));
  is_open_ = true;
}

void AnthropicAnswer::close(std::string& out) {
  if (!is_open_) return;
  is_open_ = false;
  const std::size_t index = blocks_.size() - 1;
  if (blocks_.back().kind == Kind::reasoning) {
    // Nothing is signed; clients keep the field and send it back.
    out += delta(index, {{"type", "signature_delta"}, {"signature", ""}});
  }
  out += event({{"type", "content_block_stop"}, {"index", index}});
}

void AnthropicAnswer::append(const AnswerPiece& piece, std::string& out) {
  if (piece.kind == Kind::tool_call) return open(Kind::tool_call, piece.text, out);
  if (piece.kind == Kind::tool_end) return close(out);
  if (piece.text.empty()) return;
  if (piece.kind == Kind::reasoning && thinking_ == ThinkingBlocks::none) return;
  const bool arguments = piece.kind == Kind::tool_arguments;
  const Kind kind = arguments ? Kind::tool_call : piece.kind;
  if (!is_open_ || blocks_.back().kind != kind) {
    if (arguments) return;  // of no call
    open(kind, {}, out);
  }
  if (kind == Kind::reasoning && thinking_ == ThinkingBlocks::empty) return;
  blocks_.back().text += piece.text;
  OrderedJson change{{"type", "text_delta"}, {"text", piece.text}};
  if (arguments) change = {{"type", "input_json_delta"}, {"partial_json", piece.text}};
  if (kind == Kind::reasoning) change = {{"type", "thinking_delta"}, {"thinking", piece.text}};
  out += delta(blocks_.size() - 1, std::move(change));
}

std::string AnthropicAnswer::push(const ChatEvent& event) {
  std::string out;
  for (const AnswerPiece& piece : event.pieces) append(piece, out);
  if (!event.end) return out;
  switch (*event.end) {
    case AnswerEnd::stop:
      if (event.stop_text.empty()) break;
      stop_reason_ = "stop_sequence";
      stop_sequence_ = event.stop_text;
      break;
    case AnswerEnd::length: {
      const bool full = event.token != nullptr && event.token->finish == FinishReason::context_full;
      stop_reason_ = full ? "model_context_window_exceeded" : "max_tokens";
      break;
    }
    case AnswerEnd::tool_calls: stop_reason_ = "tool_use"; break;
    case AnswerEnd::cancelled: break;  // told as an error
  }
  return out;
}

std::string AnthropicAnswer::end(const ChatUsage& usage) {
  std::string out;
  close(out);
  out += event(
      {{"type", "message_delta"},
       {"delta", {{"stop_reason", stop_reason_}, {"stop_sequence", nullable(stop_sequence_)}}},
       {"usage", usage_json(usage)}});
  return out + event({{"type", "message_stop"}});
}

std::string AnthropicAnswer::failed(const HttpProblem& problem) {
  return sse_event("error", problem_json(Dialect::anthropic, problem, request_id_));
}

std::string AnthropicAnswer::whole(const ChatUsage& usage) {
  OrderedJson content = OrderedJson::array();
  for (const Block& block : blocks_) {
    if (block.kind == Kind::reasoning) {
      content.push_back({{"type", "thinking"}, {"thinking", block.text}, {"signature", ""}});
    } else if (block.kind == Kind::content) {
      content.push_back({{"type", "text"}, {"text", block.text}});
    } else {
      // A call that was cut short has no valid input; the API has no way to say half of one.
      OrderedJson input = OrderedJson::parse(block.text, nullptr, false);
      if (!input.is_object()) input = OrderedJson::object();
      content.push_back({{"type", "tool_use"},
                         {"id", block.id},
                         {"name", block.name},
                         {"input", std::move(input)}});
    }
  }
  const OrderedJson message{{"id", id_with("msg_", request_id_)},
                            {"type", "message"},
                            {"role", "assistant"},
                            {"model", model_},
                            {"content", std::move(content)},
                            {"stop_reason", stop_reason_},
                            {"stop_sequence", nullable(stop_sequence_)},
                            {"usage", usage_json(usage)}};
  return dump(message);
}

}  // namespace jielong::serve
