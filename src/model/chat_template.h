#pragma once

#include <cstddef>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace jielong {

/// What a chat is rendered with besides its messages, as transformers'
/// apply_chat_template takes it.
struct ChatTemplateOptions {
  /// End with the words that open the assistant's turn.
  bool add_generation_prompt = true;
  /// Definitions of tools (a list), documents (a list) and further variables (an object)
  /// as JSON text; empty for none. Text, because the order of keys reaches the model.
  std::string tools, documents, extra;
  std::optional<std::string> bos_token, eos_token;
  /// What strftime_now reads; the local time now if absent.
  std::optional<std::tm> now;
};

/// A rendered chat.
struct RenderedChat {
  std::string text;
  /// Byte ranges [first, second) that the template marks as said by the assistant
  /// ({% generation %}): what training learns from. Empty if it marks none.
  std::vector<std::pair<std::size_t, std::size_t>> generated;
};

/// A model's chat template: the Jinja program that turns messages into the text the model
/// was trained on. It runs under fixed limits of size, steps, depth and output and can
/// reach nothing but its inputs. Output equals that of transformers' Jinja2 environment.
/// Rendering is const and may run on many threads at once.
class ChatTemplate {
 public:
  /// Parses a template of at most 1 MiB. Throws Error(bad_input | unsupported | limit)
  /// naming line and column.
  explicit ChatTemplate(std::string_view source);
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  /// @param messages a JSON list of objects with "role" and "content". As in transformers,
  ///   keys that hold null are dropped, and `reasoning_content` is also found under
  ///   `thinking` and `reasoning`; a tool call's arguments given as JSON text become objects.
  /// Throws Error(bad_input | limit) naming line and column of the template, for instance
  /// when the template itself refuses the messages (raise_exception).
  RenderedChat render_chat(const OrderedJson& messages,
                           const ChatTemplateOptions& options = {}) const;
  std::string render(const OrderedJson& messages, const ChatTemplateOptions& options = {}) const;
  /// The same from JSON text, which keeps the order of keys.
  std::string render_json(std::string_view messages, const ChatTemplateOptions& options = {}) const;

  /// Whether the template reads the variable, for instance "tools" or "enable_thinking".
  bool reads(std::string_view variable) const;
  const std::string& source() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The names fallback_chat_template knows.
std::vector<std::string_view> fallback_chat_template_names();

/// A template for a model file that brings none: "chatml", "llama2", "llama3", "gemma",
/// "mistral", "phi3", or "plain" (roles as words before a colon). Throws Error(not_found)
/// for other names.
std::string_view fallback_chat_template(std::string_view name);

/// The source of the fallback that suits a model of the given architecture ("llama",
/// "gemma3", "qwen2", …).
/// @param has_token whether a special token such as "<|im_start|>" is in its vocabulary
std::string_view guess_chat_template(std::string_view architecture,
                                     const std::function<bool(std::string_view)>& has_token);

}  // namespace jielong
