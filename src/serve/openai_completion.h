#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "generate/chat_request.h"
#include "serve/answer_writer.h"
#include "serve/limits.h"
#include "serve/openai_chat.h"

namespace jielong::serve {

/// A body of POST /v1/completions.
struct OpenAiCompletion {
  std::string model;                ///< as it was asked for
  std::vector<ChatRequest> chats;   ///< one a prompt, alike but for it; n is best_of
  std::string suffix;               ///< what the answer is to be followed by
  std::int64_t n = 1, best_of = 1;  ///< choices a prompt, out of so many
  bool stream = false, include_usage = false;
  bool echo = false;
  std::int64_t logprobs = -1;  ///< alternatives a token; negative: none
  bool seeded = false;
};
OpenAiCompletion read_openai_completion(const OrderedJson& body, const Limits& limits);

/// Makes the prompts' tokens with the model's fill-in-the-middle tokens around prompt and
/// suffix. Throws Error(unsupported) when it has none.
void fill_in_the_middle(OpenAiCompletion& request, const Tokenizer& tokenizer);

/// text_completion, whole or in pieces. Choice i · best_of + k is chain k of prompt i.
std::unique_ptr<AnswerWriter> openai_completion_writer(const OpenAiCompletion& request,
                                                       OpenAiAnswerInfo info);

}  // namespace jielong::serve
