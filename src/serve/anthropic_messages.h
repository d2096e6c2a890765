#pragma once

#include <string>

#include "base/json.h"
#include "serve/limits.h"

namespace jielong::serve {

// Anthropic's messages and tools in the form of OpenAI's, which chat templates understand.
// Format: Anthropic's Messages API, version 2023-06-01.

/// A conversation to continue.
struct AnthropicConversation {
  std::string messages;  ///< a JSON list for ChatTemplate::render_json
  std::string prefill;   ///< the text that the answer goes on from
};

/// @param system   the system prompt, a text or a list of text blocks, or null
/// @param messages the list under "messages"
/// Neighbours of one role become one turn, as the API promises. Throws Error(bad_input |
/// unsupported | limit) that names the block concerned.
AnthropicConversation read_anthropic_messages(const OrderedJson* system,
                                              const OrderedJson& messages, const Limits& limits);

/// The list under "tools" as OpenAI's function tools. Throws as above.
OrderedJson read_anthropic_tools(const OrderedJson& tools, const Limits& limits);

}  // namespace jielong::serve
