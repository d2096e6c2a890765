#include "generate/chat.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "model/model_chat.h"
#include "token/tokenizer.h"

namespace jielong {

ChatSession::ChatSession(Runner& runner, const Model& model, ChatTemplate chat_template)
    : runner_(runner),
      model_(model),
      template_(std::move(chat_template)),
      template_options_(chat_options_of(model)) {}

ChatSession::~ChatSession() { forget(); }

void ChatSession::forget() {
  if (cache_.sequence) runner_.close(*cache_.sequence);
  cache_ = {};
}

void ChatSession::set_system(const std::string& text) {
  const bool there = !messages_.empty() && messages_.front().role == "system";
  if (there) messages_.erase(messages_.begin());
  if (!text.empty()) messages_.insert(messages_.begin(), {"system", text});
}

std::string ChatSession::prompt_text() const {
  OrderedJson list = OrderedJson::array();
  for (const ChatMessage& message : messages_) {
    list.push_back({{"role", message.role}, {"content", message.content}});
  }
  return template_.render(list, template_options_);
}

std::vector<Token> ChatSession::prompt_tokens() const {
  return encode_chat(model_.tokenizer(), prompt_text());
}

GenerateResult ChatSession::answer(const GenerateOptions& options, std::int64_t n,
                                   const OnToken& on_token, const std::atomic<bool>* cancel) {
  GenerateResult result = complete(prompt_tokens(), options, n, on_token, cancel);
  messages_.push_back({"assistant", result.chains.front().text});
  return result;
}

GenerateResult ChatSession::complete(std::span<const Token> prompt, const GenerateOptions& options,
                                     std::int64_t n, const OnToken& on_token,
                                     const std::atomic<bool>* cancel) {
  Generator generator(runner_, &model_.tokenizer());
  generator.add(prompt, options, n, std::exchange(cache_, {}));
  generator.run(on_token, cancel);
  GenerateResult result;
  for (std::size_t i = 0; i < generator.size(); ++i) result.chains.push_back(generator.result(i));
  result.stats = generator.stats();
  cache_ = generator.release(0);
  return result;
}

std::vector<Token> encode_chat(const Tokenizer& tokenizer, std::string_view rendered) {
  std::vector<Token> tokens =
      tokenizer.encode(rendered, {.add_special = false, .parse_special = true});
  const auto bos = tokenizer.vocabulary().role(TokenRole::bos);
  if (tokenizer.adds_bos() && bos && (tokens.empty() || tokens.front() != *bos)) {
    tokens.insert(tokens.begin(), *bos);
  }
  return tokens;
}

}  // namespace jielong
