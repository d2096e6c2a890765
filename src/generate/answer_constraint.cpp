#include "generate/answer_constraint.h"

#include <string>
#include <utility>

#include "base/error.h"
#include "generate/answer/tool_grammar.h"

namespace jielong {
namespace {

using Pointer = Grammar::Pointer;
using ToolSyntax = AnswerFormat::ToolSyntax;

/// Compiled shapes of all requests: a grammar belongs to no model.
GrammarCache& shapes() {
  static GrammarCache cache(256);
  return cache;
}

std::string_view kind_of(const AnswerShape& shape) {
  switch (shape.kind) {
    case AnswerShape::Kind::json: return "json";
    case AnswerShape::Kind::json_schema: return "json-schema";
    case AnswerShape::Kind::gbnf: return "gbnf";
    case AnswerShape::Kind::regex: return "regex";
    case AnswerShape::Kind::free: break;
  }
  return {};
}

Pointer shape_grammar(const AnswerShape& shape) {
  if (shape.kind == AnswerShape::Kind::free) return nullptr;
  try {
    return shapes().get(kind_of(shape), shape.source);
  } catch (const Error& error) {
    if (shape.where.empty()) throw;
    throw error.within(shape.where);
  }
}

}  // namespace

MakeConstraint answer_constraint(const ChatRequest& request, const ChatPrompt& prompt,
                                 const std::function<std::shared_ptr<const TokenTrie>()>& trie) {
  const bool must_call = prompt.calls && request.must_call();
  const bool may_call = prompt.calls && !must_call;
  if (!prompt.calls && request.must_call()) {
    throw bad_input("a tool must be called, but there are none", "tool_choice");
  }
  const ToolSyntax syntax = prompt.format.tools;
  ToolGrammarOptions options;
  options.parallel = request.parallel_tool_calls;
  if (request.tool_choice == ToolChoice::named) {
    options.only = request.tool_name;
    options.parallel = false;
  }

  Pointer grammar = must_call ? nullptr : shape_grammar(request.shape);
  MakeConstraint make;
  if (must_call) {
    options.after_mark = !prompt.mark.empty();
    grammar = tool_grammar(syntax, request.tools, options);
  } else if (may_call && grammar) {
    grammar = Grammar::alternatives({tool_grammar(syntax, request.tools, options), grammar});
  } else if (may_call && prompt.plain_calls) {
    options.after_mark = true;
    make = after_trigger({std::string(tool_mark(syntax))},
                         constrain(tool_grammar(syntax, request.tools, options), trie()), trie());
  }
  if (grammar) {
    if (prompt.format.starts_thinking) {
      // Models put a blank line between their thoughts and the answer.
      grammar = Grammar::sequence({Grammar::repeat(Grammar::literal("\n"), 0, 2), grammar});
    }
    make = constrain(grammar, trie());
  }
  if (make && prompt.format.starts_thinking) {
    make = after_trigger({prompt.format.think_end}, make, trie());
  }
  return make;
}

}  // namespace jielong
