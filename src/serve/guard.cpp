#include "serve/guard.h"

#include <algorithm>
#include <cstddef>
#include <span>

#include "base/error.h"
#include "base/quote.h"
#include "base/sha256.h"
#include "serve/http_text.h"

namespace jielong::serve {
namespace {

std::string hash_of(std::string_view text) {
  return sha256_of(std::as_bytes(std::span(text.data(), text.size())));
}

/// Takes the same time wherever the two differ.
bool equal_hashes(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    difference |= static_cast<unsigned>(a[i] ^ b[i]);
  }
  return difference == 0;
}

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

HttpProblem problem(int status, std::string message, std::string code) {
  HttpProblem made;
  made.status = status;
  made.message = std::move(message);
  made.code = std::move(code);
  return made;
}

}  // namespace

Dialect dialect_of_path(std::string_view path) {
  if (path.starts_with("/v1/messages")) return Dialect::anthropic;
  if (path.starts_with("/v1/")) return Dialect::openai;
  if (path.starts_with("/api/")) return Dialect::ollama;
  return Dialect::plain;
}

Guard::Guard(GuardOptions options) : options_(std::move(options)) {
  for (const std::string& key : options_.keys) {
    if (key.empty() || !is_field_value(key) || trim(key) != key) {
      throw bad_input("a key must be one word without control characters", "--api-key");
    }
    key_hashes_.push_back(hash_of(key));
  }
  options_.keys.clear();
  for (std::string& host : options_.hosts) {
    if (host == "*") {
      any_host_ = true;
      continue;
    }
    const auto parsed = parse_host(
        host.find(':') != std::string::npos && is_address(host) ? "[" + host + "]" : host);
    if (!parsed || parsed->port != 0) {
      throw bad_input(in_quotes(host) + " is no host's name", "--allowed-host",
                      "give a name without scheme and port, as chat.example.org");
    }
    host = parsed->host;
  }
  for (std::string& origin : options_.origins) {
    if (origin == "*") {
      any_origin_ = true;
      continue;
    }
    if (origin.ends_with('/')) origin.pop_back();
    origin = lower(origin);
    if (!parse_origin(origin)) {
      throw bad_input(in_quotes(origin) + " is no origin", "--allowed-origin",
                      "give scheme and host, as https://chat.example.org");
    }
  }
}

bool Guard::host_allowed(std::string_view header) const {
  if (any_host_) return true;
  const auto parsed = parse_host(header);
  // The port is not compared: a tunnel may lead here from another one, and a rebound name
  // cannot be disguised by it.
  if (!parsed) return false;
  if (is_loopback(parsed->host) || contains(options_.hosts, parsed->host)) return true;
  return !options_.loopback && is_address(parsed->host);
}

bool Guard::origin_allowed(const HttpRequest& request) const {
  const std::string_view origin = request.header("origin");
  if (origin.empty()) return true;
  if (any_origin_ || contains(options_.origins, lower(origin))) return true;
  const auto from = parse_origin(origin);
  auto here = parse_host(request.header("host"));
  if (!from || !here) return false;
  // Behind a proxy that ends TLS, the page's scheme is https and the port not given.
  if (here->port == 0) here->port = origin.starts_with("https:") ? 443 : 80;
  return *from == *here;
}

bool Guard::key_allowed(const HttpRequest& request) const {
  if (key_hashes_.empty()) return true;
  constexpr std::string_view kBearer = "bearer ";
  std::string_view given = request.header("x-api-key");
  const std::string_view authorization = request.header("authorization");
  if (lower(authorization.substr(0, kBearer.size())) == kBearer) {
    given = authorization.substr(kBearer.size());
  }
  const std::string hash = hash_of(trim(given));
  bool found = false;
  for (const std::string& known : key_hashes_) found |= equal_hashes(known, hash);
  return found;
}

Guard::Verdict Guard::check(const HttpRequest& request, const RouteTable& table) const {
  Verdict verdict;
  std::string allowed;
  const Route* route = table.find(request.method, request.path, allowed);
  verdict.dialect = route != nullptr ? route->dialect : dialect_of_path(request.path);
  if (!host_allowed(request.header("host"))) {
    verdict.problem = problem(403,
                              "this server does not answer to the name in the Host header; start "
                              "it with --allowed-host NAME if it should",
                              "host_not_allowed");
    return verdict;
  }
  const std::string_view origin = request.header("origin");
  // A browser says where a request without an Origin header comes from, too.
  const bool cross_site = origin.empty() && request.header("sec-fetch-site") == "cross-site" &&
                          (route == nullptr || !route->open) && !any_origin_;
  if (!origin_allowed(request) || cross_site) {
    verdict.problem = problem(403,
                              "pages of another site may not ask this server; start it with "
                              "--allowed-origin ORIGIN if they should",
                              "origin_not_allowed");
    return verdict;
  }
  if (!origin.empty()) {
    verdict.headers.emplace_back("Access-Control-Allow-Origin", origin);
    verdict.headers.emplace_back("Access-Control-Expose-Headers", "X-Request-Id, Retry-After");
    verdict.headers.emplace_back("Vary", "Origin");
  }
  if (request.method == "OPTIONS" && !allowed.empty()) {
    verdict.preflight = true;
    verdict.headers.emplace_back("Allow", allowed + ", OPTIONS");
    if (!origin.empty()) {
      verdict.headers.emplace_back("Access-Control-Allow-Methods", allowed);
      verdict.headers.emplace_back("Access-Control-Allow-Headers",
                                   "Authorization, Content-Type, X-Api-Key, Anthropic-Version, "
                                   "Anthropic-Beta");
      verdict.headers.emplace_back("Access-Control-Max-Age", "600");
    }
    return verdict;
  }
  if ((route == nullptr || !route->open) && !key_allowed(request)) {
    verdict.problem = problem(401,
                              "a key is needed: send one that this server was started with as "
                              "\"Authorization: Bearer KEY\"",
                              "invalid_api_key");
    verdict.problem->headers.emplace_back("WWW-Authenticate", "Bearer realm=\"jielong\"");
    return verdict;
  }
  if (route == nullptr && !allowed.empty()) {
    verdict.problem = problem(405, "this path knows " + allowed + " only", "method_not_allowed");
    verdict.problem->headers.emplace_back("Allow", allowed + ", OPTIONS");
    return verdict;
  }
  if (route == nullptr) {
    verdict.problem =
        problem(404, "there is nothing at " + in_quotes(request.path), "unknown_path");
    return verdict;
  }
  verdict.route = route;
  return verdict;
}

}  // namespace jielong::serve
