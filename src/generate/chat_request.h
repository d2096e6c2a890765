#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "generate/answer/answer_parser.h"
#include "generate/generate_options.h"
#include "generate/model_pool.h"

namespace jielong {

enum class ToolChoice : std::uint8_t { automatic, none, required, named };

/// What the text of an answer must look like.
struct AnswerShape {
  enum class Kind : std::uint8_t { free, json, json_schema, gbnf, regex };
  Kind kind = Kind::free;
  std::string source;  ///< the schema, grammar or expression
  std::string where;   ///< the request's field it came from, named in errors
};

/// A turn of a conversation as every API dialect means it, or a plain text to continue.
struct ChatRequest {
  std::string model;
  /// A JSON list in the form of OpenAI's chat messages, as ChatTemplate::render_json takes it;
  /// content is text. Empty: `prompt` is continued without a template.
  std::string messages;
  std::string prompt;                ///< text, when `messages` is empty
  std::vector<Token> prompt_tokens;  ///< the same as tokens
  std::string tools;                 ///< a JSON list of OpenAI's function tools, or empty
  ToolChoice tool_choice = ToolChoice::automatic;
  std::string tool_name;  ///< with ToolChoice::named
  bool parallel_tool_calls = true;
  AnswerShape shape;
  std::string template_variables;  ///< a JSON object for the template, e.g. enable_thinking
  /// What the answer begins with: it is read (for thoughts, calls, shape) but not told again.
  std::string answer_begin;
  std::vector<Token> answer_prefix;  ///< the same behind it, as tokens that were drawn already
  GenerateOptions options;
  std::int64_t n = 1;

  bool may_call() const { return !tools.empty() && tool_choice != ToolChoice::none; }
  bool must_call() const {
    return tool_choice == ToolChoice::required || tool_choice == ToolChoice::named;
  }
};

enum class AnswerEnd : std::uint8_t { stop, length, tool_calls, cancelled };

/// Something that happened to answer `choice`.
struct ChatEvent {
  std::int64_t choice = 0;
  std::vector<AnswerPiece> pieces;    ///< what has become certain, maybe nothing
  const TokenEvent* token = nullptr;  ///< the token drawn, with its logprobs and trace
  std::optional<AnswerEnd> end;       ///< the last event of this choice
  std::string stop_text;              ///< with AnswerEnd::stop: the stop string found, if one was
};

struct ChatUsage {
  std::int64_t prompt_tokens = 0, cached_tokens = 0, answer_tokens = 0, reasoning_tokens = 0;
  double queue_seconds = 0, prefill_seconds = 0, decode_seconds = 0;
};

/// Whoever asked. All are called on the scheduler's thread and must not block; `done` comes
/// last, exactly once, with the error if there was one.
struct ChatListener {
  std::function<void(const ChatEvent&)> event;
  std::function<void(const ChatUsage&, const std::optional<Error>&)> done;
};

/// A request under way. Dropping it does not end it; cancel() does.
class ChatRun {
 public:
  virtual ~ChatRun() = default;
  virtual void cancel() = 0;
  virtual const LoadedModel& model() const = 0;
  virtual std::int64_t prompt_tokens() const = 0;
};

/// Loads the model, renders the template, compiles the constraint and submits the job. Blocks
/// while the model loads. Throws Error for whatever is wrong with the request before anything is
/// generated; the listener is then never called.
std::shared_ptr<ChatRun> start_chat(ModelPool& pool, const ChatRequest& request,
                                    ChatListener listener);

/// How many tokens the request's prompt has.
std::int64_t count_prompt_tokens(ModelPool& pool, const ChatRequest& request);

}  // namespace jielong
