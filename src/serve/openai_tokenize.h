#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "serve/limits.h"
#include "token/token.h"

namespace jielong::serve {

/// A body of POST /tokenize, by the names of llama.cpp (`content`, add_special off by default) or
/// vLLM (`prompt` or `messages`, add_special_tokens on by default).
struct TokenizeRequest {
  std::string model, text;
  std::string messages;  ///< instead of the text: a chat, with the answer opened
  bool add_special = false, parse_special = true, with_pieces = false;
};
TokenizeRequest read_tokenize(const OrderedJson& body, const Limits& limits);

/// A body of POST /detokenize.
struct DetokenizeRequest {
  std::string model;
  std::vector<Token> tokens;
};
DetokenizeRequest read_detokenize(const OrderedJson& body, const Limits& limits);

}  // namespace jielong::serve
