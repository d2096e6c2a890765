#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "model/chat_template.h"
#include "token/tokenizer.h"
#include "train/data/learning_format.h"

namespace jielong {

/// A record's text, and which parts of it are to be learnt.
struct ExampleText {
  std::string text;
  /// Byte ranges [first, second), ascending; empty: everything.
  std::vector<std::pair<std::size_t, std::size_t>> learnt = {};
  std::string label = {};  ///< of classification
  bool rendered = false;   ///< by a chat template: names of control tokens are tokens
};

/// A record in tokens.
struct Example {
  std::vector<Token> tokens;
  /// (tokens) Whether the token is to be predicted; empty: all are.
  std::vector<bool> learnt = {};
  std::string label = {};
};

/// Turns records into what is learnt from them. Immutable; any number of threads may use one.
class ExampleMaker {
 public:
  /// @param chat  for instruct and preference; null: prompt and answer are joined by a line break
  ExampleMaker(LearningFormat format, FieldNames fields, const Tokenizer& tokenizer,
               const ChatTemplate* chat);

  /// The texts of a record: one, or for preference the chosen and the rejected answer behind the
  /// same prompt. Throws Error(bad_input) that names `where` and the field at fault.
  std::vector<ExampleText> texts(const std::string& content, bool is_json,
                                 const std::string& where) const;
  Example encode(const ExampleText& text) const;

 private:
  ExampleText chat_text(const OrderedJson& messages, const std::string& where) const;
  ExampleText prompt_text(const OrderedJson& prompt, const OrderedJson& answer,
                          const std::string& where) const;

  LearningFormat format_;
  FieldNames fields_;
  const Tokenizer& tokenizer_;
  const ChatTemplate* chat_;
  ChatTemplateOptions chat_options_;
};

}  // namespace jielong
