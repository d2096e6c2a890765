#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/json.h"
#include "generate/chat_request.h"
#include "serve/answer_writer.h"
#include "serve/limits.h"

namespace jielong::serve {

/// A body of POST /v1/chat/completions.
struct OpenAiChat {
  ChatRequest chat;  ///< model as it was asked for
  bool stream = false, include_usage = false;
  bool logprobs = false;
  bool seeded = false;  ///< whether the request names a seed
};
OpenAiChat read_openai_chat(const OrderedJson& body, const Limits& limits);

/// What a writer must know besides the request.
struct OpenAiAnswerInfo {
  std::string model;  ///< its name in the answer
  std::string fingerprint;
  std::int64_t created = 0;             ///< seconds since 1970
  std::shared_ptr<LoadedModel> loaded;  ///< for the text of tokens; null: numbers stay nameless
};

/// chat.completion and its chunks.
std::unique_ptr<AnswerWriter> openai_chat_writer(const OpenAiChat& request, OpenAiAnswerInfo info);

}  // namespace jielong::serve
