#include "model/chat_template.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utf8.h"
#include "model/template/interpreter.h"
#include "model/template/parser.h"

namespace jielong {
namespace {

using jinja::Limits;
using jinja::Value;

/// The error with its place, its words fit for one line of a terminal: a template's own
/// text can be in them.
Error at_place(const Error& error, std::string_view source, std::size_t offset) {
  constexpr std::size_t kMaxBytes = 1000;
  const jinja::Place place = jinja::place_of(source, offset);
  std::string problem = error.problem();
  if (problem.size() > kMaxBytes) {
    problem.resize(kMaxBytes);
    problem.resize(complete_utf8_prefix(problem));
    problem += "…";
  }
  for (char& c : problem) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  return Error(error.kind(), std::move(problem),
               fmt::format("chat template, line {}, column {}", place.line, place.column),
               error.fix());
}

/// A tool call's arguments as an object, when they came as JSON text.
void read_arguments(OrderedJson& call) {
  OrderedJson& function = call.is_object() && call.contains("function") ? call["function"] : call;
  if (!function.is_object() || !function.contains("arguments")) return;
  OrderedJson& arguments = function["arguments"];
  if (!arguments.is_string()) return;
  try {
    OrderedJson parsed = parse_ordered_json(arguments.get<std::string>(), "arguments");
    if (parsed.is_object()) arguments = std::move(parsed);
  } catch (const Error&) {
    // A model may have written arguments that are no JSON; the template shows them as text.
  }
}

/// The messages as transformers hands them to a template.
OrderedJson normalized(const OrderedJson& messages) {
  if (!messages.is_array()) throw bad_input("must be a list of messages", "messages");
  OrderedJson out = OrderedJson::array();
  for (const OrderedJson& message : messages) {
    if (!message.is_object()) {
      throw bad_input("every message must be an object with role and content", "messages");
    }
    OrderedJson kept = OrderedJson::object();
    for (const auto& [key, value] : message.items()) {
      if (!value.is_null()) kept[key] = value;
    }
    for (const char* name : {"reasoning_content", "thinking", "reasoning"}) {
      if (!kept.contains(name)) continue;
      const OrderedJson reasoning = kept[name];
      if (!kept.contains("thinking")) kept["thinking"] = reasoning;
      kept["reasoning_content"] = reasoning;
      break;
    }
    if (kept.contains("tool_calls") && kept["tool_calls"].is_array()) {
      for (OrderedJson& call : kept["tool_calls"]) read_arguments(call);
    }
    out.push_back(std::move(kept));
  }
  return out;
}

std::tm local_time_now() {
  const std::time_t seconds = std::time(nullptr);
  std::tm now{};
  ::localtime_r(&seconds, &now);
  return now;
}

}  // namespace

struct ChatTemplate::State {
  std::string source;
  Limits limits;
  jinja::Block program;
  std::vector<std::string> names;
};

ChatTemplate::ChatTemplate(std::string_view source) : state_(std::make_unique<State>()) {
  if (source.size() > state_->limits.source_bytes) {
    throw Error(ErrorKind::limit,
                fmt::format("has {} bytes, more than the {} allowed", source.size(),
                            state_->limits.source_bytes),
                "chat template");
  }
  state_->source = jinja::normalize_source(sanitize_utf8(source));
  std::size_t failed_at = 0;
  std::vector<jinja::LexToken> tokens;
  try {
    tokens = jinja::tokenize(state_->source, &failed_at);
  } catch (const Error& error) {
    throw at_place(error, state_->source, failed_at);
  }
  jinja::Parser parser(tokens);
  try {
    state_->program = parser.parse();
    state_->names = parser.names();
  } catch (const Error& error) {
    throw at_place(error, state_->source, parser.failed_at());
  }
}

ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

RenderedChat ChatTemplate::render_chat(const OrderedJson& messages,
                                       const ChatTemplateOptions& options) const {
  jinja::Interpreter interpreter(state_->limits, options.now ? *options.now : local_time_now());
  jinja::Budget& budget = interpreter.runtime().budget;
  const auto set_json = [&](const char* name, const std::string& text) {
    if (text.empty()) {
      interpreter.set_global(name, jinja::None{});
    } else {
      interpreter.set_global(name, Value::from_json(parse_ordered_json(text, name), budget));
    }
  };
  interpreter.set_global("messages", Value::from_json(normalized(messages), budget));
  set_json("tools", options.tools);
  set_json("documents", options.documents);
  interpreter.set_global("add_generation_prompt", options.add_generation_prompt);
  if (options.bos_token) interpreter.set_global("bos_token", *options.bos_token);
  if (options.eos_token) interpreter.set_global("eos_token", *options.eos_token);
  if (!options.extra.empty()) {
    const OrderedJson extra = parse_ordered_json(options.extra, "template variables");
    if (!extra.is_object()) throw bad_input("must be an object", "template variables");
    for (const auto& [name, value] : extra.items()) {
      interpreter.set_global(name, Value::from_json(value, budget));
    }
  }
  try {
    RenderedChat chat;
    chat.text = interpreter.run(state_->program);
    chat.generated = interpreter.generated();
    return chat;
  } catch (const Error& error) {
    throw at_place(error, state_->source, interpreter.at());
  }
}

std::string ChatTemplate::render(const OrderedJson& messages,
                                 const ChatTemplateOptions& options) const {
  return render_chat(messages, options).text;
}

std::string ChatTemplate::render_json(std::string_view messages,
                                      const ChatTemplateOptions& options) const {
  return render(parse_ordered_json(messages, "messages"), options);
}

bool ChatTemplate::reads(std::string_view variable) const {
  return std::find(state_->names.begin(), state_->names.end(), variable) != state_->names.end();
}

const std::string& ChatTemplate::source() const { return state_->source; }

}  // namespace jielong
