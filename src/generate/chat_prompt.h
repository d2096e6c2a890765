#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "generate/answer/answer_parser.h"
#include "generate/chat_request.h"
#include "model/chat_template.h"
#include "model/model.h"

namespace jielong {

/// What a request's chains begin with, and how their answers are to be read.
struct ChatPrompt {
  std::vector<Token> tokens;        ///< everything, the given beginning of the answer included
  AnswerFormat format;              ///< without marks for a plain text to continue
  bool calls = false;               ///< whether tool calls are looked for
  bool plain_calls = true;          ///< calls, but for their first mark, are plain text
  std::string mark;                 ///< the mark of a call that the prompt ends in, or empty
  std::string begun;                ///< the bytes that the answer begins with, behind the mark
  std::vector<Token> shown_tokens;  ///< see GenerateOptions

  /// What the parser must have read before the first token: complete characters only, since
  /// the chain repeats the others.
  std::string read_before() const;
};

/// Renders and encodes. A template that refuses system messages gets them as part of the first
/// user message; one that knows no tools gets them described. Throws Error(bad_input | limit |
/// unsupported).
ChatPrompt make_chat_prompt(const Model& model, const ChatTemplate& chat_template,
                            const ChatRequest& request);

}  // namespace jielong
