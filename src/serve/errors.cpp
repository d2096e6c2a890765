#include "serve/errors.h"

#include <new>
#include <nlohmann/json.hpp>

#include "base/busy_error.h"
#include "base/json.h"
#include "base/utf8.h"

namespace jielong::serve {
namespace {

int status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::bad_input:
    case ErrorKind::unsupported:
    case ErrorKind::limit: return 400;
    case ErrorKind::not_found: return 404;
    case ErrorKind::cancelled: return 499;
    case ErrorKind::io:
    case ErrorKind::internal: return 500;
  }
  return 500;
}

std::string_view openai_type(int status) {
  switch (status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 429: return "rate_limit_error";
    default: return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

std::string_view anthropic_type(int status) {
  switch (status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 413: return "request_too_large";
    case 429: return "rate_limit_error";
    case 503: return "overloaded_error";
    case 504: return "timeout_error";
    default: return status >= 500 ? "api_error" : "invalid_request_error";
  }
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json() : Json(sanitize_utf8(text));
}

}  // namespace

HttpProblem problem_of(const Error& error) {
  HttpProblem problem;
  problem.status = status_of(error.kind());
  problem.message = error.what();
  if (problem.status == 400) problem.param = error.where();
  switch (error.kind()) {
    case ErrorKind::unsupported: problem.code = "unsupported"; break;
    case ErrorKind::not_found: problem.code = "not_found"; break;
    case ErrorKind::limit: problem.code = "limit_exceeded"; break;
    default: break;
  }
  if (const auto* busy = dynamic_cast<const BusyError*>(&error)) {
    problem.status = 429;
    problem.code = "busy";
    problem.param.clear();
    problem.headers.emplace_back("Retry-After", std::to_string(busy->retry_seconds()));
  }
  return problem;
}

HttpProblem problem_of(const std::exception& error) {
  if (const auto* known = dynamic_cast<const Error*>(&error)) return problem_of(*known);
  HttpProblem problem;
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {
    problem.status = 503;
    problem.message = "there is not enough memory for this request";
    problem.headers.emplace_back("Retry-After", "5");
  } else {
    // Words of the standard library could tell what is nobody's business.
    problem.message = "something went wrong inside the server";
  }
  return problem;
}

std::string problem_json(Dialect dialect, const HttpProblem& problem, std::string_view request_id) {
  const std::string message = sanitize_utf8(problem.message);
  Json json;
  switch (dialect) {
    case Dialect::plain:
    case Dialect::openai:
      json["error"] = {{"message", message},
                       {"type", openai_type(problem.status)},
                       {"param", text_or_null(problem.param)},
                       {"code", text_or_null(problem.code)}};
      break;
    case Dialect::anthropic:
      json = {{"type", "error"},
              {"error", {{"type", anthropic_type(problem.status)}, {"message", message}}},
              {"request_id", request_id}};
      break;
    case Dialect::ollama: json["error"] = message; break;
  }
  return dump(json);
}

void send_problem(HttpReply& reply, Dialect dialect, const HttpProblem& problem,
                  std::string_view request_id) {
  reply.send(problem.status, "application/json", problem_json(dialect, problem, request_id),
             problem.headers);
}

}  // namespace jielong::serve
