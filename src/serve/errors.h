#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "serve/http.h"

namespace jielong::serve {

/// An error as HTTP sees it.
struct HttpProblem {
  int status = 500;
  std::string message;
  std::string param;    ///< the field concerned, or empty
  std::string code;     ///< OpenAI's `code`, or empty
  HttpHeaders headers;  ///< Retry-After, Allow, WWW-Authenticate
};

/// bad_input 400, unsupported 400, not_found 404, limit 400 (BusyError: 429 with Retry-After),
/// cancelled 499, io and internal 500. A bad request's `where` becomes the field's name.
HttpProblem problem_of(const Error& error);
/// The same for whatever a handler threw; what is no Error becomes 500 without its words.
HttpProblem problem_of(const std::exception& error);

/// The problem as one JSON object in the dialect's format:
///   openai, plain  {"error":{"message","type","param","code"}}
///   anthropic      {"type":"error","error":{"type","message"},"request_id"}
///   ollama         {"error":"…"}
std::string problem_json(Dialect dialect, const HttpProblem& problem, std::string_view request_id);

/// Answers with the problem; for replies that have not begun.
void send_problem(HttpReply& reply, Dialect dialect, const HttpProblem& problem,
                  std::string_view request_id);

}  // namespace jielong::serve
