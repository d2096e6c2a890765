#include "serve/anthropic_request.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/quote.h"
#include "serve/anthropic_messages.h"
#include "serve/openai_fields.h"
#include "serve/request_fields.h"

namespace jielong::serve {
namespace {

/// The schema under `name`, {"type": "json_schema", "schema": …}.
void read_schema(RequestFields& parent, std::string_view name, const Limits& limits,
                 AnswerShape& shape) {
  const OrderedJson* format = parent.object(name);
  if (format == nullptr) return;
  RequestFields fields(*format, parent.path(name));
  if (!fields.choice("type", {"json_schema"})) throw fields.missing("type");
  const OrderedJson* schema = fields.object("schema");
  if (schema == nullptr) throw fields.missing("schema");
  fields.ignore({"name", "description"});
  fields.finish();
  shape.kind = AnswerShape::Kind::json_schema;
  shape.source = schema->dump();
  check_grammar_size(shape.source, fields.path("schema"), limits);
}

void read_thinking(RequestFields& parent, AnthropicRequest& request, OrderedJson& variables) {
  const OrderedJson* thinking = parent.object("thinking");
  if (thinking == nullptr) return;
  RequestFields fields(*thinking, parent.path("thinking"));
  const auto type = fields.choice("type", {"enabled", "disabled", "adaptive"});
  if (!type) throw fields.missing("type");
  const bool enabled = *type == 0, disabled = *type == 1;
  if (enabled) {
    const std::int64_t most = request.chat.options.max_tokens < 0
                                  ? std::numeric_limits<std::int64_t>::max()
                                  : request.chat.options.max_tokens - 1;
    if (!fields.integer("budget_tokens", 1, most)) throw fields.missing("budget_tokens");
  }
  if (!disabled) {
    const auto display = fields.choice("display", {"summarized", "omitted"});
    if (display && *display == 1) request.thinking = ThinkingBlocks::empty;
  }
  fields.finish();
  if (disabled) request.thinking = ThinkingBlocks::none;
  // The names under which templates know the switch: Qwen's, and DeepSeek's and Granite's.
  if (enabled || disabled) {
    variables["enable_thinking"] = enabled;
    variables["thinking"] = enabled;
  }
}

void read_output_config(RequestFields& parent, const Limits& limits, AnthropicRequest& request,
                        OrderedJson& variables) {
  const OrderedJson* config = parent.object("output_config");
  if (config != nullptr) {
    RequestFields fields(*config, parent.path("output_config"));
    if (const auto effort = fields.choice("effort", {"low", "medium", "high", "xhigh", "max"})) {
      variables["reasoning_effort"] = *effort == 0 ? "low" : *effort == 1 ? "medium" : "high";
    }
    read_schema(fields, "format", limits, request.chat.shape);
    fields.finish();
  }
  read_schema(parent, "output_format", limits, request.chat.shape);  // its name while in beta
}

void read_tool_choice(RequestFields& parent, const OrderedJson& tools, ChatRequest& chat) {
  const OrderedJson* choice = parent.object("tool_choice");
  if (choice == nullptr) return;
  RequestFields fields(*choice, parent.path("tool_choice"));
  const auto type = fields.choice("type", {"auto", "any", "tool", "none"});
  if (!type) throw fields.missing("type");
  constexpr ToolChoice kChoices[] = {ToolChoice::automatic, ToolChoice::required, ToolChoice::named,
                                     ToolChoice::none};
  chat.tool_choice = kChoices[*type];
  const bool must_call = *type == 1 || *type == 2;
  if (must_call && tools.empty())
    throw bad_input("asks for a call but there are no tools", "tools");
  if (*type == 2) {
    const auto name = fields.text("name");
    if (!name) throw fields.missing("name");
    chat.tool_name = *name;
    bool found = false;
    for (const OrderedJson& tool : tools) found = found || tool["function"]["name"] == *name;
    if (!found) throw bad_input(in_quotes(*name) + " is not one of the tools", fields.path("name"));
  }
  if (*type != 3) {
    chat.parallel_tool_calls = !fields.boolean("disable_parallel_tool_use").value_or(false);
  }
  fields.finish();
}

/// What both endpoints know.
void read_common(RequestFields& fields, const Limits& limits, AnthropicRequest& request) {
  ChatRequest& chat = request.chat;
  const auto model = fields.text("model", 1024);
  if (!model) throw fields.missing("model");
  chat.model = *model;
  const OrderedJson* system = fields.any("system");
  const OrderedJson* messages = fields.any("messages");
  if (messages == nullptr) throw fields.missing("messages");
  AnthropicConversation conversation = read_anthropic_messages(system, *messages, limits);
  chat.messages = std::move(conversation.messages);
  chat.answer_begin = std::move(conversation.prefill);

  OrderedJson tools = OrderedJson::array();
  if (const auto* list = fields.list("tools", static_cast<std::size_t>(limits.tools))) {
    tools = read_anthropic_tools(*list, limits);
    if (!tools.empty()) chat.tools = tools.dump();
  }
  read_tool_choice(fields, tools, chat);

  OrderedJson variables = OrderedJson::object();
  read_thinking(fields, request, variables);
  read_output_config(fields, limits, request, variables);
  if (!variables.empty()) chat.template_variables = variables.dump();

  for (const auto& [name, reason] :
       {std::pair{"mcp_servers", "the server calls no other servers"},
        {"container", "there are no containers"},
        {"context_management", "conversations are taken as they are"}}) {
    fields.refuse(name, reason);
  }
  fields.ignore({"cache_control", "speed", "user_profile_id", "workspace_id", "inference_geo",
                 "service_tier", "metadata", "diagnostics"});
}

}  // namespace

AnthropicRequest read_anthropic_request(const OrderedJson& body, const Limits& limits) {
  AnthropicRequest request;
  RequestFields fields(body);
  GenerateOptions& options = request.chat.options;
  const auto max_tokens = fields.integer("max_tokens", 1, limits.max_tokens);
  if (!max_tokens) throw fields.missing("max_tokens");
  options.max_tokens = *max_tokens;
  read_common(fields, limits, request);
  request.stream = fields.boolean("stream").value_or(false);
  SamplerSettings& sampling = options.sampling;
  if (const auto value = fields.number("temperature", 0, 2)) sampling.temperature = *value;
  if (const auto value = fields.number("top_p", 0, 1)) sampling.top_p = *value;
  if (const auto value = fields.integer("top_k", 0, 1 << 24)) sampling.top_k = *value;
  if (fields.has("stop_sequences")) {
    fields.list("stop_sequences");
    options.stop = *fields.texts("stop_sequences", static_cast<std::size_t>(limits.stop_strings),
                                 static_cast<std::size_t>(limits.stop_bytes));
    for (const std::string& text : options.stop) {
      if (text.empty()) throw bad_input("must not hold an empty text", "stop_sequences");
    }
  }
  fields.finish();
  return request;
}

AnthropicRequest read_anthropic_count(const OrderedJson& body, const Limits& limits) {
  AnthropicRequest request;
  RequestFields fields(body);
  read_common(fields, limits, request);
  fields.finish();
  return request;
}

}  // namespace jielong::serve
