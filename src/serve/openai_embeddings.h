#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "serve/limits.h"
#include "token/token.h"

namespace jielong::serve {

/// A body of POST /v1/embeddings.
struct OpenAiEmbeddings {
  struct Input {
    std::string text;
    std::vector<Token> tokens;  ///< instead of the text, unless empty
  };
  std::string model;
  std::vector<Input> inputs;
  bool base64 = false;          ///< vectors as little-endian floats in base64
  std::int64_t dimensions = 0;  ///< 0: as many as the model has
};
OpenAiEmbeddings read_openai_embeddings(const OrderedJson& body, const Limits& limits);

}  // namespace jielong::serve
