#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "generate/generator.h"
#include "model/chat_template.h"
#include "model/model.h"
#include "model/runner.h"

namespace jielong {

struct ChatMessage {
  std::string role;  ///< "system", "user", "assistant"
  std::string content;
};

/// A conversation, or a text that grows: successive prompts of which only what is new is
/// evaluated. Model, tokenizer and runner must outlive it.
class ChatSession {
 public:
  ChatSession(Runner& runner, const Model& model, ChatTemplate chat_template);
  ChatSession(const ChatSession&) = delete;
  ChatSession& operator=(const ChatSession&) = delete;
  ~ChatSession();

  std::vector<ChatMessage>& messages() { return messages_; }
  const std::vector<ChatMessage>& messages() const { return messages_; }
  /// Sets, replaces or (when empty) removes the system message at the front.
  void set_system(const std::string& text);

  /// The text the model is given: the messages through the template, the assistant's turn
  /// opened.
  std::string prompt_text() const;
  std::vector<Token> prompt_tokens() const;

  /// Continues the messages by an assistant's one, which is appended (of several answers
  /// the first; also what there is of a cancelled one). Throws Error(limit) when the
  /// conversation exceeds the context; the messages are then as before.
  GenerateResult answer(const GenerateOptions& options, std::int64_t n = 1,
                        const OnToken& on_token = {}, const std::atomic<bool>* cancel = nullptr);

  /// Continues any prompt, without messages or template.
  GenerateResult complete(std::span<const Token> prompt, const GenerateOptions& options,
                          std::int64_t n = 1, const OnToken& on_token = {},
                          const std::atomic<bool>* cancel = nullptr);

 private:
  void forget();

  Runner& runner_;
  const Model& model_;
  ChatTemplate template_;
  ChatTemplateOptions template_options_;
  std::vector<ChatMessage> messages_;
  CachedPrefix cache_;
};

/// The tokens of a rendered chat: control tokens are read, and a BOS token the model
/// expects is put before when the template did not write it.
std::vector<Token> encode_chat(const Tokenizer& tokenizer, std::string_view rendered);

}  // namespace jielong
