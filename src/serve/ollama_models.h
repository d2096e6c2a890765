#pragma once

#include <string>

#include "base/json.h"
#include "serve/context.h"
#include "serve/model_details.h"

namespace jielong::serve {

// Ollama's endpoints about models; each returns the answer's JSON text or throws Error.

/// GET /api/tags: every model on this machine.
std::string ollama_tags(const ServeContext& context, ModelDetailsCache& cache);
/// GET /api/ps: the models that are loaded.
std::string ollama_processes(const ServeContext& context, ModelDetailsCache& cache);
/// POST /api/show: what a model is and can do.
std::string ollama_show(const ServeContext& context, ModelDetailsCache& cache,
                        const OrderedJson& body);
/// DELETE /api/delete: only models that we pulled, and not the server's own.
void ollama_delete(ServeContext& context, const OrderedJson& body);

}  // namespace jielong::serve
