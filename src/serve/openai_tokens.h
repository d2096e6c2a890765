#pragma once

#include <string>

#include "base/json.h"
#include "generate/chat_request.h"
#include "token/tokenizer.h"

namespace jielong::serve {

/// The token as readable text: half characters as U+FFFD, control tokens by their names.
std::string token_text(const Tokenizer& tokenizer, Token token);

/// {"token", "logprob", "bytes", "top_logprobs": […]} of a token drawn.
OrderedJson logprob_json(const Tokenizer& tokenizer, const TokenEvent& event);

/// A token with the steps that its distribution went through, the page's extension:
/// {"id", "text", "chosen_p", "steps": [{"sampler", "description", "survivors", "top": […]}]}.
OrderedJson trace_json(const Tokenizer& tokenizer, const TokenEvent& event);

/// OpenAI's usage object of chats and completions.
OrderedJson usage_json(const ChatUsage& usage);

/// "prefix" and 24 random hexadecimal digits.
std::string unique_id(std::string_view prefix);

/// A seed nobody chose.
std::uint64_t fresh_seed();

}  // namespace jielong::serve
