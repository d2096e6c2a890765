#include "serve/ollama_request.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "serve/ollama_options.h"
#include "serve/openai_fields.h"
#include "serve/request_fields.h"

namespace jielong::serve {
namespace {

void refuse_images(RequestFields& fields) {
  const OrderedJson* images = fields.list("images");
  if (images == nullptr || images->empty()) return;
  throw Error(ErrorKind::unsupported, "is not supported: Jielong reads text",
              fields.path("images"));
}

/// A model's calls in OpenAI's form, in which arguments are JSON text.
OrderedJson read_calls(const OrderedJson& list, const std::string& path,
                       std::vector<std::string>& ids) {
  OrderedJson calls = OrderedJson::array();
  for (std::size_t i = 0; i < list.size(); ++i) {
    RequestFields call(list[i], fmt::format("{}[{}]", path, i));
    call.ignore({"type"});
    const std::string id = call.text("id").value_or(fmt::format("call_{}", ids.size()));
    const OrderedJson* function = call.object("function");
    if (function == nullptr) throw call.missing("function");
    call.finish();
    RequestFields fields(*function, call.path("function"));
    fields.ignore({"index", "description"});
    const auto name = fields.text("name");
    if (!name) throw fields.missing("name");
    const OrderedJson* arguments = fields.object("arguments");
    fields.finish();
    calls.push_back(
        {{"id", id},
         {"type", "function"},
         {"function",
          {{"name", *name}, {"arguments", arguments == nullptr ? "{}" : arguments->dump()}}}});
    ids.push_back(id);
  }
  return calls;
}

/// The messages in OpenAI's form.
OrderedJson read_messages(const OrderedJson& list) {
  OrderedJson messages = OrderedJson::array();
  std::vector<std::string> ids;  // of all calls
  std::size_t answered = 0;      // of those
  for (std::size_t i = 0; i < list.size(); ++i) {
    RequestFields fields(list[i], fmt::format("messages[{}]", i));
    const auto role = fields.choice("role", {"system", "user", "assistant", "tool"});
    if (!role) throw fields.missing("role");
    constexpr std::string_view kRoles[] = {"system", "user", "assistant", "tool"};
    OrderedJson message{{"role", kRoles[*role]}, {"content", fields.text("content").value_or("")}};
    refuse_images(fields);
    if (const auto thinking = fields.text("thinking"); thinking && !thinking->empty()) {
      message["reasoning_content"] = *thinking;
    }
    const OrderedJson* calls = fields.list("tool_calls");
    if (calls != nullptr && !calls->empty()) {
      message["tool_calls"] = read_calls(*calls, fields.path("tool_calls"), ids);
    }
    const auto tool_name = fields.text("tool_name");
    const auto call_id = fields.text("tool_call_id");
    fields.finish();
    if (*role == 3) {
      // Results that name no call answer the calls in their order.
      if (call_id) {
        message["tool_call_id"] = *call_id;
      } else if (answered < ids.size()) {
        message["tool_call_id"] = ids[answered];
      }
      ++answered;
      if (tool_name) message["name"] = *tool_name;
    }
    messages.push_back(std::move(message));
  }
  return messages;
}

OrderedJson read_tools(const OrderedJson& list, const Limits& limits) {
  OrderedJson tools = OrderedJson::array();
  for (std::size_t i = 0; i < list.size(); ++i) {
    RequestFields tool(list[i], fmt::format("tools[{}]", i));
    tool.choice("type", {"function"});
    tool.ignore({"items"});
    const OrderedJson* function = tool.object("function");
    if (function == nullptr) throw tool.missing("function");
    tool.finish();
    RequestFields fields(*function, tool.path("function"));
    const auto name = fields.text("name", 128);
    if (!name || name->empty()) throw fields.missing("name");
    fields.text("description");
    const OrderedJson* parameters = fields.object("parameters");
    fields.boolean("strict");
    fields.finish();
    if (parameters != nullptr) {
      check_grammar_size(parameters->dump(), fields.path("parameters"), limits);
    }
    tools.push_back({{"type", "function"}, {"function", *function}});
  }
  return tools;
}

std::vector<Token> read_context(RequestFields& fields, const Limits& limits) {
  std::vector<Token> context;
  const OrderedJson* list = fields.list("context", static_cast<std::size_t>(limits.max_tokens));
  if (list == nullptr) return context;
  for (const OrderedJson& token : *list) {
    constexpr std::int64_t kLargest = std::numeric_limits<Token>::max();
    const bool fits = token.is_number_unsigned() &&
                      token.get<std::uint64_t>() <= static_cast<std::uint64_t>(kLargest);
    if (!fits) throw bad_input("must be a list of token ids", fields.path("context"));
    context.push_back(token.get<Token>());
  }
  return context;
}

/// What both endpoints know.
void read_common(RequestFields& fields, const Limits& limits, OllamaRequest& request) {
  ChatRequest& chat = request.chat;
  chat.model = read_ollama_model(fields);
  request.stream = fields.boolean("stream").value_or(true);
  request.keep_alive = read_ollama_keep_alive(fields);
  read_ollama_options(fields, limits, chat.options);
  read_ollama_format(fields, limits, chat.shape);
  request.show_thinking = read_ollama_think(fields, chat);
  const bool logprobs = fields.boolean("logprobs").value_or(false);
  const auto top = fields.integer("top_logprobs", 0, limits.top_logprobs);
  if (logprobs) chat.options.logprobs = top.value_or(0);
  // What to do when the context is full; here a prompt that does not fit is an error, and the
  // end of the context ends the answer.
  fields.boolean("truncate");
  fields.boolean("shift");
}

}  // namespace

std::string read_ollama_model(RequestFields& fields) {
  auto model = fields.text("model", 1024);
  const auto name = fields.text("name", 1024);
  if (!model || model->empty()) model = name;
  if (!model || model->empty()) throw fields.missing("model");
  return *model;
}

OllamaRequest read_ollama_chat(const OrderedJson& body, const Limits& limits, std::uint64_t seed) {
  OllamaRequest request;
  request.chat.options.seed = seed;
  RequestFields fields(body);
  read_common(fields, limits, request);
  const OrderedJson* messages = fields.list("messages", static_cast<std::size_t>(limits.messages));
  request.load_only = messages == nullptr || messages->empty();
  if (!request.load_only) request.chat.messages = read_messages(*messages).dump();
  const OrderedJson* tools = fields.list("tools", static_cast<std::size_t>(limits.tools));
  if (tools != nullptr && !tools->empty()) request.chat.tools = read_tools(*tools, limits).dump();
  fields.finish();
  return request;
}

OllamaRequest read_ollama_generate(const OrderedJson& body, const Limits& limits,
                                   std::uint64_t seed) {
  OllamaRequest request;
  request.chat.options.seed = seed;
  RequestFields fields(body);
  read_common(fields, limits, request);
  const std::string prompt = fields.text("prompt").value_or("");
  const std::string system = fields.text("system").value_or("");
  request.suffix = fields.text("suffix").value_or("");
  request.raw = fields.boolean("raw").value_or(false);
  request.context = read_context(fields, limits);
  refuse_images(fields);
  if (const auto text = fields.text("template"); text && !text->empty()) {
    throw Error(ErrorKind::unsupported, "is not supported: the model's own chat template is used",
                fields.path("template"), "set raw to true to write the whole prompt yourself");
  }
  for (const std::string_view name : {"width", "height", "steps"}) {
    const auto value = fields.integer(name, 0, std::numeric_limits<std::int64_t>::max());
    if (value && *value != 0) fields.refuse(name, "Jielong answers in text");
  }
  fields.finish();
  request.load_only = prompt.empty() && request.suffix.empty() && request.context.empty();
  if (request.load_only) return request;
  if (request.raw || !request.suffix.empty()) {
    if (!system.empty()) {
      throw bad_input("cannot be put into a prompt without a template", "system",
                      "write it into the prompt");
    }
    request.chat.prompt = prompt;
    return request;
  }
  OrderedJson messages = OrderedJson::array();
  if (!system.empty()) messages.push_back({{"role", "system"}, {"content", system}});
  messages.push_back({{"role", "user"}, {"content", prompt}});
  request.chat.messages = messages.dump();
  return request;
}

}  // namespace jielong::serve
