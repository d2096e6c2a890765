#pragma once

#include <string>

#include "base/json.h"
#include "serve/context.h"
#include "serve/openai_chat.h"

namespace jielong::serve {

/// A route with OpenAI's errors and a handler that gets the context.
using OpenAiHandler = void (*)(ServeContext&, const HttpRequest&,
                               const std::shared_ptr<HttpReply>&);
void add_openai_route(RouteTable& table, ServeContext& context, const char* method,
                      const char* path, OpenAiHandler handler);

/// The request's body as JSON. Throws Error(bad_input).
OrderedJson body_of(const ServeContext& context, const HttpRequest& http);

/// What an answer by the model of that name says about itself. Loads the model, so that what is
/// wrong with it is told before an answer begins.
OpenAiAnswerInfo answer_info(ServeContext& context, const std::string& asked);

// The parts of add_openai_routes().
void add_model_routes(RouteTable& table, ServeContext& context);
void add_responses_routes(RouteTable& table, ServeContext& context);
void add_tokenize_routes(RouteTable& table, ServeContext& context);

}  // namespace jielong::serve
