#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "serve/openai_responses.h"
#include "serve/openai_tokens.h"
#include "serve/streams.h"

namespace jielong::serve {
namespace {

using Kind = AnswerPiece::Kind;

/// Items of the answer in the order they begin; the last one may still be open.
class ResponseWriter : public AnswerWriter {
 public:
  ResponseWriter(const OpenAiResponse& request, OpenAiAnswerInfo info,
                 std::shared_ptr<ResponseStore> store)
      : info_(std::move(info)),
        store_(request.store ? std::move(store) : nullptr),
        messages_(request.messages),
        echo_(request.echo),
        stream_(request.stream),
        logprobs_(request.logprobs),
        id_(unique_id("resp_")) {}

  Dialect dialect() const override { return Dialect::openai; }
  std::string_view stream_type() const override { return kEventStream; }
  std::string ping() const override { return std::string(kCommentPing); }

  // Events may be pushed before the beginning is written: its two numbers are kept free.
  std::string begin(std::int64_t) override {
    const OrderedJson response = response_json("in_progress", nullptr, OrderedJson::array());
    return numbered(0, "response.created", {{"response", response}}) +
           numbered(1, "response.in_progress", {{"response", response}});
  }

  std::string push(const ChatEvent& event) override {
    if (event.token != nullptr && logprobs_ && info_.loaded &&
        event.token->finish != FinishReason::end_token) {
      fresh_logprobs_.push_back(logprob_json(info_.loaded->model().tokenizer(), *event.token));
    }
    std::string out;
    for (const AnswerPiece& piece : event.pieces) take(piece, out);
    if (event.end) {
      incomplete_ = *event.end == AnswerEnd::length;
      close(out, incomplete_ ? "incomplete" : "completed");
    }
    return stream_ ? out : std::string();
  }

  std::string end(const ChatUsage& usage) override {
    const OrderedJson response = finished(usage);
    return numbered(next_++, incomplete_ ? "response.incomplete" : "response.completed",
                    {{"response", response}});
  }

  std::string failed(const HttpProblem& problem) override {
    OrderedJson response = response_json("failed", nullptr, OrderedJson::array());
    response["error"] = {{"code", problem.code.empty() ? "server_error" : problem.code},
                         {"message", problem.message}};
    return numbered(next_++, "response.failed", {{"response", response}});
  }

  std::string whole(const ChatUsage& usage) override { return dump(finished(usage)); }

 private:
  struct Item {
    Kind kind = Kind::content;  // tool_call for calls
    std::string id, text;       // arguments of a call
    std::string name, call_id;
    OrderedJson logprobs = OrderedJson::array();
    std::string status = "in_progress";
  };

  void take(const AnswerPiece& piece, std::string& out) {
    switch (piece.kind) {
      case Kind::content:
      case Kind::reasoning:
        if (!open_ || items_.back().kind != piece.kind) {
          close(out, "completed");
          open(piece.kind, {}, out);
        }
        grow(piece.text, out);
        break;
      case Kind::tool_call:
        close(out, "completed");
        open(Kind::tool_call, piece.text, out);
        break;
      case Kind::tool_arguments: grow(piece.text, out); break;
      case Kind::tool_end: close(out, "completed"); break;
    }
  }

  void open(Kind kind, const std::string& name, std::string& out) {
    Item& item = items_.emplace_back();
    item.kind = kind;
    item.name = name;
    if (kind == Kind::tool_call) {
      item.id = unique_id("fc_");
      item.call_id = unique_id("call_");
    } else {
      item.id = unique_id(kind == Kind::reasoning ? "rs_" : "msg_");
    }
    open_ = true;
    out +=
        event("response.output_item.added", {{"output_index", index()}, {"item", item_json(item)}});
    if (kind == Kind::tool_call) return;
    out += event("response.content_part.added", place({{"part", part_json(item)}}));
  }

  void grow(const std::string& text, std::string& out) {
    Item& item = items_.back();
    item.text += text;
    if (item.kind == Kind::tool_call) {
      out += event("response.function_call_arguments.delta",
                   {{"item_id", item.id}, {"output_index", index()}, {"delta", text}});
    } else if (item.kind == Kind::reasoning) {
      fresh_logprobs_ = OrderedJson::array();
      out += event("response.reasoning_text.delta", place({{"delta", text}}));
    } else {
      for (const OrderedJson& entry : fresh_logprobs_) item.logprobs.push_back(entry);
      out += event("response.output_text.delta",
                   place({{"delta", text},
                          {"logprobs", std::exchange(fresh_logprobs_, OrderedJson::array())}}));
    }
  }

  void close(std::string& out, const char* status) {
    if (!open_) return;
    open_ = false;
    Item& item = items_.back();
    item.status = status;
    if (item.kind == Kind::tool_call) {
      out += event("response.function_call_arguments.done", {{"item_id", item.id},
                                                             {"name", item.name},
                                                             {"output_index", index()},
                                                             {"arguments", item.text}});
    } else {
      OrderedJson rest{{"text", item.text}};
      if (item.kind == Kind::content) rest["logprobs"] = item.logprobs;
      out += event(item.kind == Kind::reasoning ? "response.reasoning_text.done"
                                                : "response.output_text.done",
                   place(std::move(rest)));
      out += event("response.content_part.done", place({{"part", part_json(item)}}));
    }
    out +=
        event("response.output_item.done", {{"output_index", index()}, {"item", item_json(item)}});
  }

  std::int64_t index() const { return static_cast<std::int64_t>(items_.size()) - 1; }

  /// Where the open item's only part is, then `rest`.
  OrderedJson place(OrderedJson rest) const {
    OrderedJson json{
        {"item_id", items_.back().id}, {"output_index", index()}, {"content_index", 0}};
    json.update(rest);
    return json;
  }

  static OrderedJson part_json(const Item& item) {
    if (item.kind == Kind::reasoning) return {{"type", "reasoning_text"}, {"text", item.text}};
    return {{"type", "output_text"},
            {"text", item.text},
            {"annotations", OrderedJson::array()},
            {"logprobs", item.logprobs}};
  }

  static OrderedJson item_json(const Item& item) {
    OrderedJson json{{"id", item.id}};
    if (item.kind == Kind::tool_call) {
      json["type"] = "function_call";
      json["status"] = item.status;
      json["call_id"] = item.call_id;
      json["name"] = item.name;
      json["arguments"] = item.text;
      return json;
    }
    OrderedJson content = OrderedJson::array();
    if (item.status != "in_progress") content.push_back(part_json(item));
    if (item.kind == Kind::reasoning) {
      json["type"] = "reasoning";
      json["summary"] = OrderedJson::array();
      json["content"] = std::move(content);
      json["status"] = item.status;
      return json;
    }
    json["type"] = "message";
    json["status"] = item.status;
    json["role"] = "assistant";
    json["content"] = std::move(content);
    return json;
  }

  OrderedJson response_json(const char* status, OrderedJson usage, OrderedJson output) const {
    OrderedJson json{{"id", id_},
                     {"object", "response"},
                     {"created_at", info_.created},
                     {"status", status},
                     {"background", false},
                     {"error", nullptr},
                     {"incomplete_details", nullptr},
                     {"model", info_.model},
                     {"output", std::move(output)}};
    json.update(*echo_);
    json["usage"] = std::move(usage);
    return json;
  }

  OrderedJson finished(const ChatUsage& usage) {
    OrderedJson output = OrderedJson::array();
    for (const Item& item : items_) output.push_back(item_json(item));
    const OrderedJson counts{
        {"input_tokens", usage.prompt_tokens},
        {"input_tokens_details",
         {{"cached_tokens", usage.cached_tokens}, {"cache_write_tokens", 0}}},
        {"output_tokens", usage.answer_tokens},
        {"output_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}},
        {"total_tokens", usage.prompt_tokens + usage.answer_tokens}};
    OrderedJson response =
        response_json(incomplete_ ? "incomplete" : "completed", counts, std::move(output));
    if (incomplete_) response["incomplete_details"] = {{"reason", "max_output_tokens"}};
    if (store_) store_->put({id_, dump(response), dump(with_answer())});
    return response;
  }

  /// The conversation with this answer as its last message.
  OrderedJson with_answer() const {
    OrderedJson messages = parse_ordered_json(messages_, "messages");
    OrderedJson answer{{"role", "assistant"}, {"content", ""}};
    std::string content;
    for (const Item& item : items_) {
      if (item.kind == Kind::tool_call) {
        answer["tool_calls"].push_back(
            {{"id", item.call_id},
             {"type", "function"},
             {"function", {{"name", item.name}, {"arguments", item.text}}}});
      } else if (item.kind == Kind::reasoning) {
        answer["reasoning_content"] = item.text;
      } else {
        content += item.text;
      }
    }
    answer["content"] = content;
    messages.push_back(std::move(answer));
    return messages;
  }

  std::string event(const char* type, OrderedJson fields) {
    // Whole answers keep no events.
    return stream_ ? numbered(next_++, type, std::move(fields)) : std::string();
  }

  static std::string numbered(std::int64_t number, const char* type, OrderedJson fields) {
    OrderedJson json{{"type", type}, {"sequence_number", number}};
    json.update(fields);
    return sse_event(type, dump(json));
  }

  OpenAiAnswerInfo info_;
  std::shared_ptr<ResponseStore> store_;
  std::string messages_;
  std::shared_ptr<const OrderedJson> echo_;
  bool stream_, logprobs_;
  std::string id_;
  std::vector<Item> items_;
  bool open_ = false, incomplete_ = false;
  OrderedJson fresh_logprobs_ = OrderedJson::array();
  std::int64_t next_ = 2;
};

}  // namespace

std::unique_ptr<AnswerWriter> openai_response_writer(const OpenAiResponse& request,
                                                     OpenAiAnswerInfo info,
                                                     std::shared_ptr<ResponseStore> store) {
  return std::make_unique<ResponseWriter>(request, std::move(info), std::move(store));
}

}  // namespace jielong::serve
