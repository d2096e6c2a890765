#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/quote.h"
#include "serve/openai_fields.h"
#include "serve/openai_messages.h"
#include "serve/openai_responses.h"

namespace jielong::serve {
namespace {

/// Collects input items as chat messages: thoughts, text and calls of one turn come together.
class Conversation {
 public:
  explicit Conversation(OrderedJson earlier) : messages_(std::move(earlier)) {}

  void add(const OrderedJson& item, const std::string& path) {
    RequestFields fields(item, path);
    const std::string type = fields.text("type").value_or("message");
    fields.ignore({"id", "status"});
    if (type == "message") {
      add_message(fields);
    } else if (type == "function_call") {
      add_call(fields);
    } else if (type == "function_call_output") {
      const auto id = fields.text("call_id");
      if (!id) throw fields.missing("call_id");
      const OrderedJson* output = fields.any("output");
      if (output == nullptr) throw fields.missing("output");
      fields.ignore({"name"});
      push({{"role", "tool"},
            {"tool_call_id", *id},
            {"content", read_openai_content(*output, fields.path("output"))}});
    } else if (type == "reasoning") {
      add_reasoning(fields);
    } else {
      throw Error(ErrorKind::unsupported, in_quotes(type, 40) + " items are not supported",
                  fields.path("type"),
                  "send messages, function calls and their outputs, or reasoning");
    }
    fields.finish();
  }

  void push(OrderedJson message) {
    messages_.push_back(std::move(message));
    open_ = false;
  }

  OrderedJson take() { return std::move(messages_); }

 private:
  void add_message(RequestFields& fields) {
    const auto role = fields.choice("role", {"user", "assistant", "system", "developer"});
    if (!role) throw fields.missing("role");
    const OrderedJson* content = fields.any("content");
    if (content == nullptr) throw fields.missing("content");
    const std::string text = read_openai_content(*content, fields.path("content"));
    fields.ignore({"phase"});
    if (*role == 1) {
      OrderedJson& turn = assistant();
      turn["content"] = turn.value("content", std::string()) + text;
    } else {
      push({{"role", *role == 0 ? "user" : "system"}, {"content", text}});
    }
  }

  void add_call(RequestFields& fields) {
    const auto id = fields.text("call_id"), name = fields.text("name");
    const auto arguments = fields.text("arguments");
    if (!id) throw fields.missing("call_id");
    if (!name) throw fields.missing("name");
    assistant()["tool_calls"].push_back(
        {{"id", *id},
         {"type", "function"},
         {"function", {{"name", *name}, {"arguments", arguments.value_or("{}")}}}});
  }

  void add_reasoning(RequestFields& fields) {
    std::string text;
    for (const char* name : {"content", "summary"}) {
      const OrderedJson* parts = fields.list(name);
      if (parts == nullptr || !text.empty()) continue;
      for (const OrderedJson& part : *parts) {
        if (part.is_object() && part.contains("text") && part["text"].is_string()) {
          text += part["text"].get<std::string>();
        }
      }
    }
    fields.ignore({"encrypted_content"});
    open_ = false;  // thoughts begin a turn
    if (!text.empty()) assistant()["reasoning_content"] = text;
  }

  /// The assistant's turn that is being collected.
  OrderedJson& assistant() {
    if (!open_) messages_.push_back({{"role", "assistant"}});
    open_ = true;
    return messages_.back();
  }

  OrderedJson messages_;
  bool open_ = false;
};

std::string read_reasoning(RequestFields& parent) {
  const OrderedJson* object = parent.object("reasoning");
  if (object == nullptr) return {};
  RequestFields fields(*object, "reasoning");
  const std::string effort = read_effort(fields, "effort");
  fields.ignore({"summary", "generate_summary"});  // thoughts are shown as they are
  fields.finish();
  return effort;
}

void read_text_options(RequestFields& parent, const Limits& limits, AnswerShape& shape) {
  const OrderedJson* object = parent.object("text");
  if (object == nullptr) return;
  RequestFields fields(*object, "text");
  if (const OrderedJson* format = fields.object("format")) {
    shape = read_format(*format, fields.path("format"), true, limits);
  }
  if (fields.choice("verbosity", {"medium", "low", "high"}).value_or(0) != 0) {
    throw Error(ErrorKind::unsupported, "the models here know no verbosity",
                fields.path("verbosity"), "say in the instructions how long the answer should be");
  }
  fields.finish();
}

void read_logprobs(RequestFields& fields, const Limits& limits, OpenAiResponse& request) {
  if (const auto wanted = fields.texts("include", 16, 128)) {
    for (const std::string& name : *wanted) {
      if (name == "message.output_text.logprobs") {
        request.logprobs = true;
      } else if (name != "reasoning.encrypted_content") {
        // Thoughts are not encrypted: they stand in the reasoning items.
        throw Error(ErrorKind::unsupported, in_quotes(name, 60) + " is not supported", "include");
      }
    }
  }
  const auto top = fields.integer("top_logprobs", 0, limits.top_logprobs).value_or(0);
  request.logprobs = request.logprobs || top > 0;
  if (request.logprobs) request.chat.options.logprobs = top;
}

void read_the_rest(RequestFields& fields) {
  fields.refuse("background", "responses are not kept working on", false);
  fields.refuse("conversation", "the server keeps no conversations; give previous_response_id");
  fields.refuse("prompt", "the server keeps no prompt templates");
  fields.refuse("moderation", "there is no moderation model");
  fields.refuse("context_management", "conversations are taken as they are");
  if (fields.choice("truncation", {"disabled", "auto"}).value_or(0) != 0) {
    throw Error(ErrorKind::unsupported, "dropping the middle of a conversation is not supported",
                "truncation", "use \"disabled\"");
  }
  fields.ignore({"user", "safety_identifier", "service_tier", "prompt_cache_key",
                 "prompt_cache_options", "prompt_cache_retention", "max_tool_calls"});
}

/// A field of the request as it came, or what it means when it is missing.
OrderedJson as_given(const OrderedJson& body, const char* name, OrderedJson otherwise) {
  const auto found = body.find(name);
  return found == body.end() || found->is_null() ? std::move(otherwise) : *found;
}

}  // namespace

OpenAiResponse read_openai_response(const OrderedJson& body, const Limits& limits,
                                    const ResponseStore& store) {
  OpenAiResponse request;
  ChatRequest& chat = request.chat;
  RequestFields fields(body);
  chat.model = fields.text("model", 1024).value_or("");

  OrderedJson earlier = OrderedJson::array();
  const auto previous = fields.text("previous_response_id", 256);
  if (previous) {
    const auto entry = store.find(*previous);
    if (!entry) {
      throw Error(ErrorKind::not_found, "there is no response " + in_quotes(*previous, 60),
                  "previous_response_id",
                  "the server keeps the latest ones only, and none over a restart; send the whole "
                  "conversation as input");
    }
    earlier = parse_ordered_json(entry->messages, "earlier messages");
  }
  Conversation conversation(std::move(earlier));
  const OrderedJson* input = fields.any("input");
  if (input == nullptr) throw fields.missing("input");
  if (input->is_string()) {
    conversation.push({{"role", "user"}, {"content", *input}});
  } else if (!input->is_array() || input->empty()) {
    throw bad_input("must be a text or a list of items, and not empty", "input");
  } else {
    std::size_t index = 0;
    for (const OrderedJson& item :
         *fields.list("input", static_cast<std::size_t>(limits.messages))) {
      conversation.add(item, fmt::format("input[{}]", index++));
    }
  }
  OrderedJson messages = conversation.take();
  request.messages = messages.dump();
  if (const auto instructions = fields.text("instructions")) {
    const OrderedJson system{{"role", "system"}, {"content", *instructions}};
    messages.insert(messages.begin(), system);
  }
  chat.messages = messages.dump();

  chat.options.max_tokens = fields.integer("max_output_tokens", 1, limits.max_tokens).value_or(-1);
  read_generation(fields, limits, chat);
  request.seeded = fields.has("seed");
  read_logprobs(fields, limits, request);
  read_text_options(fields, limits, chat.shape);
  read_tools(fields, true, limits, chat);
  const std::string effort = read_reasoning(fields);
  read_template_variables(fields, effort, chat);
  request.stream = fields.boolean("stream").value_or(false);
  if (const OrderedJson* options = fields.object("stream_options")) {
    RequestFields stream(*options, "stream_options");
    stream.boolean("include_obfuscation");
    stream.finish();
  }
  request.store = fields.boolean("store").value_or(true);
  const OrderedJson* metadata = fields.object("metadata");
  read_the_rest(fields);
  fields.finish();

  request.echo = std::make_shared<const OrderedJson>(OrderedJson{
      {"instructions", as_given(body, "instructions", nullptr)},
      {"max_output_tokens", as_given(body, "max_output_tokens", nullptr)},
      {"parallel_tool_calls", chat.parallel_tool_calls},
      {"previous_response_id", as_given(body, "previous_response_id", nullptr)},
      {"reasoning",
       {{"effort", effort.empty() ? OrderedJson() : OrderedJson(effort)}, {"summary", nullptr}}},
      {"store", request.store},
      {"temperature", chat.options.sampling.temperature},
      {"text", as_given(body, "text", {{"format", {{"type", "text"}}}})},
      {"tool_choice", as_given(body, "tool_choice", "auto")},
      {"tools", as_given(body, "tools", OrderedJson::array())},
      {"top_p", chat.options.sampling.top_p},
      {"truncation", "disabled"},
      {"user", nullptr},
      {"metadata", metadata != nullptr ? *metadata : OrderedJson::object()}});
  return request;
}

}  // namespace jielong::serve
