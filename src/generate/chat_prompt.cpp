#include "generate/chat_prompt.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "generate/answer/tool_grammar.h"
#include "generate/answer/tool_prompt.h"
#include "generate/chat.h"
#include "model/model_chat.h"
#include "token/tokenizer.h"

namespace jielong {
namespace {

/// With one more variable for the template, unless the request sets it.
std::string with_variable(const std::string& variables, const char* name, bool value) {
  OrderedJson object = OrderedJson::object();
  if (!variables.empty()) object = parse_ordered_json(variables, "template variables");
  if (!object.contains(name)) object[name] = value;
  return object.dump();
}

/// A template may refuse the system role; then the same words are said by the user.
std::string render(const ChatTemplate& chat_template, const OrderedJson& messages,
                   const ChatTemplateOptions& options) {
  try {
    return chat_template.render(messages, options);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::bad_input || !messages.is_array()) throw;
    const OrderedJson merged = merge_system_messages(messages);
    if (merged == messages) throw;
    try {
      return chat_template.render(merged, options);
    } catch (const Error&) {
      // The first error names what was wrong with the request as it came.
    }
    throw;
  }
}

/// The request's messages as text, and how the answer will be written.
std::string render_messages(const Model& model, const ChatTemplate& chat_template,
                            const ChatRequest& request, AnswerFormat& format) {
  OrderedJson messages = parse_ordered_json(request.messages, "messages");
  if (!messages.is_array() || messages.empty()) {
    throw bad_input("must be a list of at least one message", "messages");
  }
  const bool knows_tools =
      answer_format_of(chat_template, {}).tools != AnswerFormat::ToolSyntax::none;
  ChatTemplateOptions options = chat_options_of(model);
  options.extra = request.template_variables;
  if (knows_tools) {
    if (request.may_call()) options.tools = request.tools;
  } else {
    messages = write_out_tools(messages, request.may_call() ? request.tools : std::string());
  }
  std::string text = render(chat_template, messages, options);
  format = answer_format_of(chat_template, text);
  const bool bound = request.shape.kind != AnswerShape::Kind::free || request.must_call();
  if (bound && !format.starts_thinking && chat_template.reads("enable_thinking")) {
    // Nothing but the answer may be written, so the model is not asked to think first.
    options.extra = with_variable(options.extra, "enable_thinking", false);
    text = render(chat_template, messages, options);
    format = answer_format_of(chat_template, text);
  }
  return text;
}

void append_prefix(ChatPrompt& prompt, const Tokenizer& tokenizer,
                   const std::vector<Token>& prefix) {
  const Vocabulary& vocabulary = tokenizer.vocabulary();
  for (std::size_t i = 0; i < prefix.size(); ++i) {
    if (!vocabulary.contains(prefix[i])) {
      throw bad_input(
          fmt::format("token {} is not among the model's {}", prefix[i], vocabulary.size()),
          fmt::format("answer_prefix[{}]", i));
    }
    prompt.tokens.push_back(prefix[i]);
    bool shown = !vocabulary.is_special(prefix[i]);
    for (const Token token : prompt.shown_tokens) shown = shown || token == prefix[i];
    if (shown) prompt.begun += tokenizer.bytes(prefix[i]);
  }
}

}  // namespace

std::string ChatPrompt::read_before() const {
  return mark + begun.substr(0, complete_utf8_prefix(begun));
}

ChatPrompt make_chat_prompt(const Model& model, const ChatTemplate& chat_template,
                            const ChatRequest& request) {
  const Tokenizer& tokenizer = model.tokenizer();
  ChatPrompt prompt;
  if (request.messages.empty()) {
    prompt.tokens = request.prompt_tokens;
    if (prompt.tokens.empty()) {
      prompt.tokens =
          tokenizer.encode(request.prompt, {.add_special = true, .parse_special = true});
    }
    append_prefix(prompt, tokenizer, request.answer_prefix);
    return prompt;
  }

  check_tools(request.tools);
  prompt.calls = request.may_call();
  const std::string text = render_messages(model, chat_template, request, prompt.format);
  const Vocabulary& vocabulary = tokenizer.vocabulary();
  for (const std::string& mark : prompt.format.marks()) {
    const auto token = vocabulary.find(mark);
    if (token && vocabulary.is_special(*token) && !vocabulary.is_end(*token)) {
      prompt.shown_tokens.push_back(*token);
      // Newer models of Mistral write this one inside each call.
      if (mark == "[ARGS]") prompt.plain_calls = false;
    }
  }
  if (request.must_call() && !prompt.format.starts_thinking &&
      prompt.format.tools != AnswerFormat::ToolSyntax::llama3) {
    // No grammar can ask for a control token, so the prompt ends in it.
    const std::string mark(tool_mark(prompt.format.tools));
    const auto token = vocabulary.find(mark);
    if (token && vocabulary.is_special(*token)) prompt.mark = mark;
  }
  prompt.tokens = encode_chat(tokenizer, text + prompt.mark + request.answer_begin);
  prompt.begun = request.answer_begin;
  append_prefix(prompt, tokenizer, request.answer_prefix);
  return prompt;
}

}  // namespace jielong
