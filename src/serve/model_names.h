#pragma once

#include <string>

#include "serve/context.h"

namespace jielong::serve {

/// The name under which ModelPool and ModelStore know the model that a request asks for:
/// nothing or "default" is the server's model, "hf.co/user/repo" the Hub's, and ":latest" may
/// follow any name, as Ollama's clients write it; a bare name also finds a model of Ollama's.
///
/// Requests may not name files: a path is taken only when it is the server's own model or one
/// that is loaded. Throws Error(bad_input | not_found).
std::string requested_model(const ServeContext& context, const std::string& requested);

/// Whether a request may name the model: not a path, unless the server was started with it.
bool may_be_requested(const ServeContext& context, const std::string& name);

}  // namespace jielong::serve
