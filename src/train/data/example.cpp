#include "train/data/example.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"

namespace jielong {
namespace {

const OrderedJson* find(const OrderedJson& object, const std::string& key) {
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

const OrderedJson& require(const OrderedJson& object, const std::string& key,
                           const std::string& where) {
  if (const OrderedJson* value = find(object, key)) return *value;
  std::string present;
  for (const auto& [name, value] : object.items()) {
    if (present.size() < 200) present += (present.empty() ? "" : ", ") + name;
  }
  throw bad_input(fmt::format("has no field \"{}\"", key), where,
                  fmt::format("name the field in the recipe (there is: {})", present));
}

const std::string& require_text(const OrderedJson& object, const std::string& key,
                                const std::string& where) {
  const OrderedJson& value = require(object, key, where);
  if (value.is_string()) return value.get_ref<const std::string&>();
  throw bad_input(fmt::format("field \"{}\" is not a text", key), where,
                  "name a field that holds one");
}

/// A label as text: a word, a number or true/false.
std::string label_text(const OrderedJson& value, const std::string& where) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer() || value.is_boolean()) return value.dump();
  throw bad_input("the label is no text, whole number or truth value", where);
}

OrderedJson message(const char* role, const OrderedJson& content) {
  return {{"role", role}, {"content", content}};
}

/// A prompt or an answer as messages: a text of `role`, or what already is a list of them.
OrderedJson as_messages(const OrderedJson& value, const char* role, const std::string& where) {
  if (value.is_array()) return value;
  if (value.is_string()) return OrderedJson::array({message(role, value)});
  throw bad_input(fmt::format("what the {} says is neither text nor messages", role), where);
}

bool is_assistant(const OrderedJson& message, const std::string& where) {
  if (!message.is_object() || !message.contains("role") || !message["role"].is_string()) {
    throw bad_input("a message has no role", where, "give {\"role\": …, \"content\": …}");
  }
  return message["role"] == "assistant";
}

}  // namespace

ExampleMaker::ExampleMaker(LearningFormat format, FieldNames fields, const Tokenizer& tokenizer,
                           const ChatTemplate* chat)
    : format_(format), fields_(std::move(fields)), tokenizer_(tokenizer), chat_(chat) {
  const Vocabulary& vocabulary = tokenizer.vocabulary();
  chat_options_.add_generation_prompt = false;
  chat_options_.now = std::tm{};  // a template that writes the date gets the same one every time
  chat_options_.now->tm_year = 125;
  chat_options_.now->tm_mday = 1;
  if (const auto bos = vocabulary.role(TokenRole::bos)) {
    chat_options_.bos_token = std::string(vocabulary.piece(*bos));
  }
  if (const auto eos = vocabulary.role(TokenRole::eos)) {
    chat_options_.eos_token = std::string(vocabulary.piece(*eos));
  }
}

std::vector<ExampleText> ExampleMaker::texts(const std::string& content, bool is_json,
                                             const std::string& where) const {
  if (!is_json) {
    if (format_ == LearningFormat::next_token || format_ == LearningFormat::masked) {
      return {{.text = content}};
    }
    throw bad_input(fmt::format("plain text cannot be learnt as {}", name_of(format_)), where,
                    "give JSON lines or Parquet with fields");
  }
  const OrderedJson object = parse_ordered_json(content, where);
  if (!object.is_object()) {
    throw bad_input("is not a JSON object", where, "write one object a line");
  }
  switch (format_) {
    case LearningFormat::next_token:
    case LearningFormat::masked:
      // Chats may be read as text, too.
      if (const OrderedJson* messages = find(object, fields_.messages);
          messages != nullptr && find(object, fields_.text) == nullptr && chat_ != nullptr) {
        ExampleText text = chat_text(*messages, where);
        text.learnt.clear();
        return {text};
      }
      return {{.text = require_text(object, fields_.text, where)}};
    case LearningFormat::classify:
      return {{.text = require_text(object, fields_.text, where),
               .label = label_text(require(object, fields_.label, where), where)}};
    case LearningFormat::instruct: {
      if (const OrderedJson* messages = find(object, fields_.messages)) {
        return {chat_text(*messages, where)};
      }
      return {prompt_text(require(object, fields_.prompt, where),
                          require(object, fields_.answer, where), where)};
    }
    case LearningFormat::preference: {
      const OrderedJson& prompt = require(object, fields_.prompt, where);
      return {prompt_text(prompt, require(object, fields_.chosen, where), where),
              prompt_text(prompt, require(object, fields_.rejected, where), where)};
    }
  }
  return {};
}

/// The assistant's turns: as the template marks them, or else what each turn adds to the chat
/// before it with the words that open the turn.
ExampleText ExampleMaker::chat_text(const OrderedJson& messages, const std::string& where) const {
  if (chat_ == nullptr) {
    throw bad_input("a chat needs a chat template", where,
                    "name one in the recipe, or use fields for prompt and answer");
  }
  if (!messages.is_array() || messages.empty()) throw bad_input("the chat has no messages", where);
  const bool any = std::any_of(messages.begin(), messages.end(),
                               [&](const OrderedJson& m) { return is_assistant(m, where); });
  if (!any) throw bad_input("the chat has no turn of the assistant to learn", where);
  try {
    RenderedChat chat = chat_->render_chat(messages, chat_options_);
    ExampleText example{.text = std::move(chat.text),
                        .learnt = std::move(chat.generated),
                        .label = {},
                        .rendered = true};
    if (!example.learnt.empty()) return example;
    ChatTemplateOptions opened = chat_options_;
    opened.add_generation_prompt = true;
    OrderedJson before = OrderedJson::array();
    for (const OrderedJson& turn : messages) {
      if (is_assistant(turn, where)) {
        const std::size_t begin = chat_->render(before, opened).size();
        before.push_back(turn);
        const std::string through = chat_->render(before, chat_options_);
        if (begin >= through.size() || example.text.compare(0, through.size(), through) != 0) {
          throw bad_input("the chat template writes earlier turns differently later on", where,
                          "use a template that marks answers with {% generation %}");
        }
        example.learnt.emplace_back(begin, through.size());
      } else {
        before.push_back(turn);
      }
    }
    return example;
  } catch (const Error& error) {
    if (error.where().compare(0, where.size(), where) == 0) throw;
    throw error.within(where);
  }
}

ExampleText ExampleMaker::prompt_text(const OrderedJson& prompt, const OrderedJson& answer,
                                      const std::string& where) const {
  if (chat_ != nullptr) {
    OrderedJson messages = as_messages(prompt, "user", where);
    for (const OrderedJson& turn : as_messages(answer, "assistant", where))
      messages.push_back(turn);
    ExampleText example = chat_text(messages, where);
    // Only the last answer differs; turns inside the prompt are part of the question.
    if (example.learnt.size() > 1)
      example.learnt.erase(example.learnt.begin(), example.learnt.end() - 1);
    return example;
  }
  if (!prompt.is_string() || !answer.is_string()) {
    throw bad_input("prompt and answer are not texts, and there is no chat template", where,
                    "name a chat template in the recipe");
  }
  ExampleText example{.text = prompt.get<std::string>()};
  const std::size_t begin = example.text.size();
  example.text += answer.get_ref<const std::string&>();
  example.learnt.emplace_back(begin, example.text.size());
  return example;
}

Example ExampleMaker::encode(const ExampleText& text) const {
  const EncodeOptions options{.add_special = !text.rendered, .parse_special = text.rendered};
  const Vocabulary& vocabulary = tokenizer_.vocabulary();
  Example example;
  example.label = text.label;
  example.tokens = tokenizer_.encode(text.text, options);
  const auto eos = vocabulary.role(TokenRole::eos);
  const bool ends = !text.rendered && format_ != LearningFormat::masked &&
                    format_ != LearningFormat::classify && eos &&
                    (example.tokens.empty() || example.tokens.back() != *eos);
  if (ends) example.tokens.push_back(*eos);
  if (text.learnt.empty()) return example;

  // A place in the text is the token up to which both the whole and what stands before it are cut
  // alike. That holds for any tokenizer, also one that changes what it reads.
  const auto token_at = [&](std::size_t byte) {
    if (byte >= text.text.size()) return example.tokens.size();
    std::vector<Token> before =
        tokenizer_.encode(std::string_view(text.text).substr(0, byte), options);
    const auto [a, b] =
        std::mismatch(before.begin(), before.end(), example.tokens.begin(), example.tokens.end());
    return static_cast<std::size_t>(b - example.tokens.begin());
  };
  example.learnt.assign(example.tokens.size(), false);
  for (const auto& [first, last] : text.learnt) {
    const std::size_t begin = token_at(first);
    const std::size_t end = token_at(last);
    for (std::size_t i = begin; i < end; ++i) example.learnt[i] = true;
  }
  return example;
}

}  // namespace jielong
