#include "model/model_chat.h"

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "token/tokenizer.h"
#include "token/vocabulary.h"

namespace jielong {
namespace {

std::optional<std::string> piece(const Vocabulary& vocabulary, TokenRole role) {
  const auto token = vocabulary.role(role);
  if (!token) return std::nullopt;
  return std::string(vocabulary.piece(*token));
}

}  // namespace

ChatTemplate chat_template_of(const Model& model) {
  try {
    if (model.chat_template()) return ChatTemplate(*model.chat_template());
  } catch (const Error& error) {
    throw error.within(model.path().string() + ", chat template");
  }
  const Vocabulary& vocabulary = model.tokenizer().vocabulary();
  const auto has_token = [&](std::string_view token) { return vocabulary.find(token).has_value(); };
  return ChatTemplate(guess_chat_template(model.hyper().family, has_token));
}

ChatTemplateOptions chat_options_of(const Model& model) {
  const Vocabulary& vocabulary = model.tokenizer().vocabulary();
  ChatTemplateOptions options;
  options.bos_token = piece(vocabulary, TokenRole::bos);
  options.eos_token = piece(vocabulary, TokenRole::eos);
  return options;
}

}  // namespace jielong
