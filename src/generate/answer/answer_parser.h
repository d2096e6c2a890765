#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/chat_template.h"

namespace jielong {

/// A piece of an answer that has just become certain. A call that breaks off, because the
/// answer was cut short or stopped being JSON, never gets its tool_end.
struct AnswerPiece {
  enum class Kind : std::uint8_t {
    content,         ///< text for the reader
    reasoning,       ///< text between thinking marks
    tool_call,       ///< a call begins: `text` is the function's name
    tool_arguments,  ///< more of the call's arguments, as JSON text
    tool_end         ///< the call is complete and its arguments are valid JSON
  };
  Kind kind = Kind::content;
  std::string text;
  std::int64_t call = 0;  ///< which call of this answer, from 0
};

/// How a model writes its thoughts and its tool calls; found by looking at its chat template.
struct AnswerFormat {
  enum class ToolSyntax : std::uint8_t {
    none,     ///< the template knows no tools: calls are asked for in the prompt, as hermes
    hermes,   ///< <tool_call>{"name": …, "arguments": …}</tool_call> (Qwen, SmolLM, Hermes), or
              ///< the object alone or in a ```json fence at the beginning of the answer
    llama3,   ///< {"name": …, "parameters": …}, maybe after <|python_tag|>
    mistral,  ///< [TOOL_CALLS][{"name": …, "arguments": …}], also [TOOL_CALLS]name[ARGS]{…}
    xml       ///< <function=name><parameter=key>value</parameter></function> (Qwen3-Coder)
  };
  ToolSyntax tools = ToolSyntax::none;
  std::string think_begin, think_end;  ///< empty: the model does not think in marks
  bool starts_thinking = false;        ///< the template opens the thinking box itself

  /// The texts by which calls and thoughts begin and end. Where such a text is a control
  /// token, the parser must be shown it by name (GenerateOptions::shown_tokens).
  std::vector<std::string> marks() const;
};
AnswerFormat answer_format_of(const ChatTemplate& chat_template, std::string_view rendered_prompt);

/// Splits a growing answer into content, reasoning and tool calls. Nothing is emitted that a
/// later token could turn into something else, and how the text is cut makes no difference.
/// Space around thoughts and calls belongs to neither and is dropped.
class AnswerParser {
 public:
  /// @param tools       whether calls are looked for at all
  /// @param definitions the tools as a JSON list in OpenAI's form, or empty: the xml syntax
  ///   does not tell a text from a number, the tool's parameters do
  AnswerParser(AnswerFormat format, bool tools, std::string_view definitions = {});
  AnswerParser(AnswerParser&&) noexcept;
  AnswerParser& operator=(AnswerParser&&) noexcept;
  ~AnswerParser();

  std::vector<AnswerPiece> push(std::string_view text);
  /// The end: what was held back comes out, as content when it never became a call.
  std::vector<AnswerPiece> finish();

  /// The reader knows the text so far: what of it is still held back will not come out as
  /// content or reasoning.
  void skip_held();

  /// Whether the text so far ends inside the thinking box.
  bool thinking() const;
  /// How many calls have begun.
  std::int64_t calls() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace jielong
