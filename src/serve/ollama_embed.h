#pragma once

#include <string>

#include "base/json.h"
#include "serve/context.h"

namespace jielong::serve {

/// POST /api/embed: a vector of length 1 for each text; the answer's JSON text. Throws Error.
std::string ollama_embed(ServeContext& context, const OrderedJson& body);
/// POST /api/embeddings, its older form: one text, its vector as the model gives it.
std::string ollama_embeddings(ServeContext& context, const OrderedJson& body);

}  // namespace jielong::serve
