#pragma once

#include <cstdint>

#include "base/json.h"
#include "generate/chat_request.h"
#include "serve/limits.h"

namespace jielong::serve {

/// What becomes of the model's thoughts.
enum class ThinkingBlocks : std::uint8_t {
  shown,
  empty,  ///< a block without its text: display "omitted"
  none    ///< left out, since thinking was turned off
};

/// A body of POST /v1/messages.
struct AnthropicRequest {
  ChatRequest chat;
  ThinkingBlocks thinking = ThinkingBlocks::shown;
  bool stream = false;
};

/// Reads the body. Throws Error(bad_input | unsupported | limit) that names the parameter.
AnthropicRequest read_anthropic_request(const OrderedJson& body, const Limits& limits);
/// The same for POST /v1/messages/count_tokens, which knows fewer parameters.
AnthropicRequest read_anthropic_count(const OrderedJson& body, const Limits& limits);

}  // namespace jielong::serve
