#include "serve/anthropic_messages.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/quote.h"
#include "serve/openai_fields.h"
#include "serve/request_fields.h"

namespace jielong::serve {
namespace {

std::string entry_path(const std::string& path, std::size_t index) {
  return fmt::format("{}[{}]", path, index);
}

std::string required_text(RequestFields& fields, std::string_view name) {
  auto text = fields.text(name);
  if (!text) throw fields.missing(name);
  return std::move(*text);
}

std::string type_of(const OrderedJson& block, const std::string& path) {
  RequestFields fields(block, path);
  return required_text(fields, "type");
}

[[noreturn]] void refuse_block(const std::string& type, const std::string& path) {
  for (const std::string_view known :
       {"image", "document", "search_result", "server_tool_use", "web_search_tool_result",
        "web_fetch_tool_result", "code_execution_tool_result", "bash_code_execution_tool_result",
        "text_editor_code_execution_tool_result", "tool_search_tool_result", "tool_reference",
        "browser_state", "container_upload", "mcp_tool_use", "mcp_tool_result"}) {
    if (type != known) continue;
    throw Error(ErrorKind::unsupported,
                fmt::format("blocks of type {} are not supported", in_quotes(type)), path,
                "send text, tool_use, tool_result and thinking blocks");
  }
  throw bad_input(fmt::format("{} is no type of block that belongs here", in_quotes(type)),
                  path + ".type");
}

/// The text of a text block.
std::string block_text(const OrderedJson& block, const std::string& path) {
  RequestFields fields(block, path);
  fields.ignore({"type", "cache_control", "citations"});
  std::string text = required_text(fields, "text");
  fields.finish();
  return text;
}

void append_line(std::string& text, std::string_view more) {
  if (!text.empty() && !more.empty()) text += '\n';
  text += more;
}

/// A text, or text blocks below each other.
std::string plain_text(const OrderedJson& content, const std::string& path) {
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) {
    throw bad_input("must be a text or a list of blocks, not " + describe(content), path);
  }
  std::string text;
  std::size_t index = 0;
  for (const OrderedJson& block : content) {
    const std::string place = entry_path(path, index++);
    const std::string type = type_of(block, place);
    if (type != "text") refuse_block(type, place);
    append_line(text, block_text(block, place));
  }
  return text;
}

/// Builds the list of messages.
class Conversation {
 public:
  void add_system(const OrderedJson& content, const std::string& path) {
    say("system", plain_text(content, path));
  }

  void add_user(const OrderedJson& content, const std::string& path) {
    if (!content.is_array()) return say("user", plain_text(content, path));
    std::size_t index = 0;
    for (const OrderedJson& block : content) {
      const std::string place = entry_path(path, index++);
      const std::string type = type_of(block, place);
      if (type == "text") {
        say("user", block_text(block, place));
      } else if (type == "tool_result") {
        add_tool_result(block, place);
      } else {
        refuse_block(type, place);
      }
    }
  }

  void add_assistant(const OrderedJson& content, const std::string& path) {
    if (!content.is_array()) return say("assistant", plain_text(content, path));
    std::size_t index = 0;
    for (const OrderedJson& block : content) {
      const std::string place = entry_path(path, index++);
      const std::string type = type_of(block, place);
      if (type == "text") {
        say("assistant", block_text(block, place));
      } else if (type == "thinking") {
        add_thinking(block, place);
      } else if (type == "redacted_thinking") {
        turn("assistant");  // nobody but its author can read it
      } else if (type == "tool_use") {
        add_tool_use(block, place);
      } else {
        refuse_block(type, place);
      }
    }
  }

  AnthropicConversation finish(const std::string& last_path) {
    AnthropicConversation done;
    if (!messages_.empty() && messages_.back()["role"] == "assistant") {
      if (messages_.back().contains("tool_calls")) {
        throw bad_input("ends with a tool_use block that nobody has answered", last_path,
                        "add a user message with its tool_result block");
      }
      done.prefill = messages_.back()["content"].get<std::string>();
      messages_.erase(messages_.size() - 1);
    }
    done.messages = messages_.dump();
    return done;
  }

 private:
  /// The turn that is now `role`'s, begun if need be.
  OrderedJson& turn(std::string_view role) {
    if (messages_.empty() || messages_.back()["role"] != role) {
      messages_.push_back({{"role", role}, {"content", ""}});
    }
    return messages_.back();
  }

  void say(std::string_view role, std::string_view text) {
    append_line(turn(role)["content"].get_ref<std::string&>(), text);
  }

  void add_thinking(const OrderedJson& block, const std::string& path) {
    RequestFields fields(block, path);
    fields.ignore({"type", "signature", "cache_control"});
    const std::string thoughts = required_text(fields, "thinking");
    fields.finish();
    OrderedJson& reasoning = turn("assistant")["reasoning_content"];
    if (reasoning.is_null()) reasoning = "";
    append_line(reasoning.get_ref<std::string&>(), thoughts);
  }

  void add_tool_use(const OrderedJson& block, const std::string& path) {
    RequestFields fields(block, path);
    fields.ignore({"type", "cache_control", "caller", "toolset_name"});
    const std::string id = required_text(fields, "id");
    const std::string name = required_text(fields, "name");
    const OrderedJson* input = fields.object("input");
    if (input == nullptr) throw fields.missing("input");
    fields.finish();
    OrderedJson& calls = turn("assistant")["tool_calls"];
    calls.push_back({{"id", id},
                     {"type", "function"},
                     {"function", {{"name", name}, {"arguments", input->dump()}}}});
    tool_names_[id] = name;
  }

  void add_tool_result(const OrderedJson& block, const std::string& path) {
    RequestFields fields(block, path);
    fields.ignore({"type", "cache_control", "toolset_name"});
    const std::string id = required_text(fields, "tool_use_id");
    const OrderedJson* content = fields.any("content");
    const bool is_error = fields.boolean("is_error").value_or(false);
    fields.finish();
    const auto known = tool_names_.find(id);
    if (known == tool_names_.end()) {
      throw bad_input(fmt::format("{} is not the id of a tool_use block before it", in_quotes(id)),
                      path + ".tool_use_id");
    }
    std::string text = content == nullptr ? "" : plain_text(*content, path + ".content");
    // Templates know no failed calls: the model is told in words.
    if (is_error) text = "Error: " + text;
    messages_.push_back({{"role", "tool"},
                         {"tool_call_id", id},
                         {"name", known->second},
                         {"content", std::move(text)}});
  }

  OrderedJson messages_ = OrderedJson::array();
  std::map<std::string, std::string> tool_names_;  ///< by the id of the call
};

bool is_tool_name(std::string_view name) {
  if (name.empty() || name.size() > 128) return false;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-';
    if (!plain) return false;
  }
  return true;
}

OrderedJson read_tool(const OrderedJson& tool, const std::string& path, const Limits& limits) {
  RequestFields fields(tool, path);
  const std::string type = fields.text("type").value_or("custom");
  if (type != "custom") {
    throw Error(ErrorKind::unsupported,
                fmt::format("tools of type {} are not supported", in_quotes(type)), path + ".type",
                "define the tool with a name and an input_schema");
  }
  const std::string name = required_text(fields, "name");
  if (!is_tool_name(name)) {
    throw bad_input("must be 1 to 128 letters, digits, '_' and '-'", path + ".name");
  }
  const std::string description = fields.text("description").value_or("");
  const OrderedJson* schema = fields.object("input_schema");
  if (schema == nullptr) throw fields.missing("input_schema");
  check_grammar_size(schema->dump(), path + ".input_schema", limits);
  fields.boolean("strict");  // calls always follow the schema
  fields.refuse("defer_loading", "there is no tool search", false);
  fields.ignore({"cache_control", "input_examples", "eager_input_streaming", "allowed_callers"});
  fields.finish();
  OrderedJson function{{"name", name}};
  if (!description.empty()) function["description"] = description;
  function["parameters"] = *schema;
  return {{"type", "function"}, {"function", std::move(function)}};
}

}  // namespace

AnthropicConversation read_anthropic_messages(const OrderedJson* system,
                                              const OrderedJson& messages, const Limits& limits) {
  if (!messages.is_array()) {
    throw bad_input("must be a list, not " + describe(messages), "messages");
  }
  if (messages.empty()) throw bad_input("must have at least one message", "messages");
  if (messages.size() > static_cast<std::size_t>(limits.messages)) {
    throw Error(
        ErrorKind::limit,
        fmt::format("has {} entries, more than the {} allowed", messages.size(), limits.messages),
        "messages");
  }
  Conversation conversation;
  if (system != nullptr) conversation.add_system(*system, "system");
  std::size_t index = 0;
  for (const OrderedJson& message : messages) {
    const std::string path = entry_path("messages", index++);
    RequestFields fields(message, path);
    const auto role = fields.choice("role", {"user", "assistant", "system"});
    if (!role) throw fields.missing("role");
    const OrderedJson* content = fields.any("content");
    if (content == nullptr) throw fields.missing("content");
    fields.ignore({"cache_control"});
    fields.finish();
    const std::string place = path + ".content";
    if (*role == 0) conversation.add_user(*content, place);
    if (*role == 1) conversation.add_assistant(*content, place);
    if (*role == 2) conversation.add_system(*content, place);
  }
  return conversation.finish(entry_path("messages", messages.size() - 1));
}

OrderedJson read_anthropic_tools(const OrderedJson& tools, const Limits& limits) {
  OrderedJson list = OrderedJson::array();
  std::size_t index = 0;
  for (const OrderedJson& tool : tools) {
    list.push_back(read_tool(tool, entry_path("tools", index++), limits));
  }
  return list;
}

}  // namespace jielong::serve
