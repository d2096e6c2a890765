#include "generate/answer/tool_prompt.h"

#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"

namespace jielong {
namespace {

std::string text_of(const OrderedJson& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string description(std::string_view tools) {
  std::string text =
      "You can call functions. These are the ones there are, each with a JSON Schema of its "
      "parameters:\n<tools>\n";
  for (const OrderedJson& tool : parse_ordered_json(tools, "tools")) text += tool.dump() + "\n";
  return text +
         "</tools>\nTo call one, answer with its name and arguments as a JSON object between "
         "these tags:\n<tool_call>\n{\"name\": \"function name\", \"arguments\": {\"parameter\": "
         "\"value\"}}\n</tool_call>";
}

/// A call as the model would have written it.
std::string written(const OrderedJson& call) {
  const OrderedJson& function =
      call.is_object() && call.contains("function") ? call["function"] : call;
  if (!function.is_object()) return {};
  OrderedJson arguments = OrderedJson::object();
  if (function.contains("arguments")) arguments = function["arguments"];
  const std::string text = arguments.is_string() ? arguments.get<std::string>() : arguments.dump();
  return "<tool_call>\n{\"name\": " + OrderedJson(text_of(function, "name")).dump() +
         ", \"arguments\": " + (text.empty() ? "{}" : text) + "}\n</tool_call>";
}

}  // namespace

OrderedJson write_out_tools(const OrderedJson& messages, std::string_view tools) {
  OrderedJson out = OrderedJson::array();
  if (!tools.empty()) out.push_back({{"role", "system"}, {"content", description(tools)}});
  bool after_result = false;
  for (const OrderedJson& message : messages) {
    const std::string role = message.is_object() ? text_of(message, "role") : std::string();
    if (role == "tool") {
      const std::string result =
          "<tool_response>\n" + text_of(message, "content") + "\n</tool_response>";
      if (after_result) {
        std::string& content = out.back()["content"].get_ref<std::string&>();
        content += "\n" + result;
      } else {
        out.push_back({{"role", "user"}, {"content", result}});
      }
      after_result = true;
      continue;
    }
    after_result = false;
    if (role == "system" && !tools.empty() && out.size() == 1) {
      std::string& content = out.back()["content"].get_ref<std::string&>();
      content = text_of(message, "content") + "\n\n" + content;
      continue;
    }
    out.push_back(message);
    if (role != "assistant" || !message.contains("tool_calls")) continue;
    std::string content = text_of(message, "content");
    if (message["tool_calls"].is_array()) {
      for (const OrderedJson& call : message["tool_calls"]) {
        content += (content.empty() ? "" : "\n") + written(call);
      }
    }
    out.back().erase("tool_calls");
    out.back()["content"] = content;
  }
  return out;
}

OrderedJson merge_system_messages(const OrderedJson& messages) {
  OrderedJson out = OrderedJson::array();
  std::string system;
  for (const OrderedJson& message : messages) {
    const std::string role = message.is_object() ? text_of(message, "role") : std::string();
    if (role == "system") {
      system += text_of(message, "content") + "\n\n";
      continue;
    }
    out.push_back(message);
    if (role != "user" || system.empty()) continue;
    out.back()["content"] = system + text_of(message, "content");
    system.clear();
  }
  return out;
}

}  // namespace jielong
