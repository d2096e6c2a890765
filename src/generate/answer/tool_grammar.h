#pragma once

#include <cstdint>
#include <string_view>

#include "generate/answer/answer_parser.h"
#include "generate/constraint/grammar.h"

namespace jielong {

struct ToolGrammarOptions {
  std::string_view only = {};  ///< the one tool that may be called; empty: any of them
  bool parallel = true;  ///< up to kMaxParallelCalls calls, where the syntax knows more than one
  /// The mark before the first call is not part of the text: it stands in the prompt, or is
  /// what the grammar waits for.
  bool after_mark = false;
};

/// The most calls a grammar lets into one answer, so that a weak model comes to an end.
inline constexpr std::int64_t kMaxParallelCalls = 8;

/// The mark that begins a call in a syntax: "<tool_call>", "[TOOL_CALLS]", "<|python_tag|>".
std::string_view tool_mark(AnswerFormat::ToolSyntax syntax);

/// Answers that consist of calls with valid arguments.
/// @param tools a JSON list of function tools. Arguments follow `parameters`, where an object
///   that does not speak of additional properties has none. A tool without `"strict": true`
///   whose schema says what cannot be compiled may have any object as arguments.
/// Throws Error(bad_input | unsupported | limit) whose where() begins "tools[i]".
Grammar::Pointer tool_grammar(AnswerFormat::ToolSyntax syntax, std::string_view tools,
                              const ToolGrammarOptions& options);

/// Throws Error(bad_input) when the list is not one of function tools with proper names.
void check_tools(std::string_view tools);

}  // namespace jielong
