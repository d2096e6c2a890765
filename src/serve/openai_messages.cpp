#include "serve/openai_messages.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/quote.h"
#include "serve/request_fields.h"

namespace jielong::serve {
namespace {

OrderedJson read_call(const OrderedJson& entry, const std::string& path) {
  RequestFields call(entry, path);
  const auto type = call.text("type");
  if (type && *type != "function") {
    throw Error(ErrorKind::unsupported, in_quotes(*type, 40) + " calls are not supported",
                call.path("type"));
  }
  const auto id = call.text("id");
  const OrderedJson* object = call.object("function");
  if (object == nullptr) throw call.missing("function");
  RequestFields function(*object, call.path("function"));
  const auto name = function.text("name");
  if (!name) throw function.missing("name");
  const auto arguments = function.text("arguments");
  function.finish();
  call.ignore({"index"});
  call.finish();
  return {{"id", id.value_or("")},
          {"type", "function"},
          {"function", {{"name", *name}, {"arguments", arguments.value_or("{}")}}}};
}

OrderedJson read_message(const OrderedJson& entry, const std::string& path) {
  RequestFields fields(entry, path);
  const auto role =
      fields.choice("role", {"system", "developer", "user", "assistant", "tool", "function"});
  if (!role) throw fields.missing("role");
  constexpr const char* kRoles[] = {"system", "system", "user", "assistant", "tool"};
  if (*role == 5) {
    throw Error(ErrorKind::unsupported, "the role \"function\" is out of use", fields.path("role"),
                "use the role \"tool\"");
  }
  const bool assistant = *role == 3, tool = *role == 4;
  OrderedJson message{{"role", kRoles[*role]}};
  if (const OrderedJson* content = fields.any("content")) {
    message["content"] = read_openai_content(*content, fields.path("content"));
  }
  if (const auto name = fields.text("name")) message["name"] = *name;
  if (tool) {
    if (const auto id = fields.text("tool_call_id")) message["tool_call_id"] = *id;
  }
  if (assistant) {
    for (const char* name : {"reasoning_content", "reasoning"}) {
      const auto text = fields.text(name);
      if (text && !text->empty()) message["reasoning_content"] = *text;
    }
    if (const OrderedJson* calls = fields.list("tool_calls"); calls && !calls->empty()) {
      message["tool_calls"] = OrderedJson::array();
      for (const OrderedJson& call : *calls) {
        message["tool_calls"].push_back(read_call(
            call, fmt::format("{}[{}]", fields.path("tool_calls"), message["tool_calls"].size())));
      }
    }
    const auto refusal = fields.text("refusal");
    if (refusal && !message.contains("content")) message["content"] = *refusal;
    fields.refuse("audio", "Jielong answers in text");
    fields.refuse("function_call", "it is out of use; give tool_calls");
    fields.ignore({"annotations", "parsed"});
  }
  if (!message.contains("content") && !message.contains("tool_calls")) {
    throw fields.missing("content");
  }
  fields.finish();
  return message;
}

}  // namespace

std::string read_openai_content(const OrderedJson& content, const std::string& path) {
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) {
    throw bad_input("must be a text or a list of parts, not " + describe(content), path);
  }
  std::string text;
  std::size_t index = 0;
  for (const OrderedJson& entry : content) {
    RequestFields part(entry, fmt::format("{}[{}]", path, index));
    const auto type = part.text("type");
    if (!type) throw part.missing("type");
    std::optional<std::string> said;
    if (*type == "text" || *type == "input_text" || *type == "output_text") {
      said = part.text("text");
      if (!said) throw part.missing("text");
      part.ignore({"annotations", "logprobs", "prompt_cache_breakpoint"});
    } else if (*type == "refusal") {
      said = part.text("refusal");
    } else {
      throw Error(ErrorKind::unsupported,
                  in_quotes(*type, 40) + " is not supported: the models here read text only",
                  part.path("type"), "send text parts");
    }
    part.finish();
    if (index++ > 0) text += '\n';
    text += said.value_or("");
  }
  return text;
}

OrderedJson read_openai_messages(const OrderedJson& list, const std::string& path,
                                 const Limits& limits) {
  if (!list.is_array() || list.empty()) {
    throw bad_input("must be a list of at least one message", path);
  }
  if (list.size() > static_cast<std::size_t>(limits.messages)) {
    throw Error(
        ErrorKind::limit,
        fmt::format("has {} entries, more than the {} allowed", list.size(), limits.messages),
        path);
  }
  OrderedJson messages = OrderedJson::array();
  for (const OrderedJson& entry : list) {
    messages.push_back(read_message(entry, fmt::format("{}[{}]", path, messages.size())));
  }
  return messages;
}

}  // namespace jielong::serve
