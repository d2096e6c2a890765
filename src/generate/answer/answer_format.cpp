#include <array>
#include <string_view>
#include <utility>

#include "generate/answer/answer_parser.h"
#include "generate/answer/json_scanner.h"

namespace jielong {
namespace {

using ToolSyntax = AnswerFormat::ToolSyntax;

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// Templates show the model the syntax it was trained on, in words or in how they write the
/// calls of earlier turns.
ToolSyntax tool_syntax(const ChatTemplate& chat_template) {
  const std::string_view source = chat_template.source();
  if (!chat_template.reads("tools")) return ToolSyntax::none;
  if (has(source, "<function=") && has(source, "<parameter=")) return ToolSyntax::xml;
  if (has(source, "[TOOL_CALLS]")) return ToolSyntax::mistral;
  if (has(source, "<tool_call>")) return ToolSyntax::hermes;
  if (has(source, "<|python_tag|>") || has(source, "\"parameters\": dictionary")) {
    return ToolSyntax::llama3;
  }
  return ToolSyntax::none;
}

}  // namespace

AnswerFormat answer_format_of(const ChatTemplate& chat_template, std::string_view rendered_prompt) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kThinking{
      {{"<think>", "</think>"}, {"[THINK]", "[/THINK]"}, {"<thinking>", "</thinking>"}}};
  AnswerFormat format;
  format.tools = tool_syntax(chat_template);
  while (!rendered_prompt.empty() && is_json_space(rendered_prompt.back())) {
    rendered_prompt.remove_suffix(1);
  }
  for (const auto& [begin, end] : kThinking) {
    const bool opened = rendered_prompt.ends_with(begin);
    if (!opened && !has(chat_template.source(), end)) continue;
    format.think_begin = begin;
    format.think_end = end;
    format.starts_thinking = opened;
    break;
  }
  return format;
}

}  // namespace jielong
