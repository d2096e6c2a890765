#include "serve/framing.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "serve/http_text.h"

namespace jielong::serve {
namespace {

HttpProblem problem(int status, std::string message, std::string code = "bad_request") {
  HttpProblem made;
  made.status = status;
  made.message = std::move(message);
  made.code = std::move(code);
  return made;
}

}  // namespace

std::optional<HttpProblem> check_framing(const RequestHead& head, const Limits& limits) {
  if (static_cast<std::int64_t>(head.uri.size()) > limits.uri_bytes) {
    return problem(414, fmt::format("the address is longer than {} bytes", limits.uri_bytes),
                   "limit_exceeded");
  }
  if (!is_token(head.method) || head.method.size() > 32) {
    return problem(400, "the method is no word");
  }
  if (head.version != "HTTP/1.1" && head.version != "HTTP/1.0") {
    return problem(505, "this server speaks HTTP/1.1");
  }
  const auto is_plain = [](char c) { return c > 0x20 && c < 0x7f; };
  if (!std::all_of(head.uri.begin(), head.uri.end(), is_plain)) {
    return problem(400, "the address has characters that should be escaped");
  }
  std::int64_t bytes = 0;
  int hosts = 0, lengths = 0, encodings = 0;
  for (const auto& [name, value] : head.headers) {
    bytes += static_cast<std::int64_t>(name.size() + value.size() + 4);
    if (!is_token(name)) return problem(400, "a header's name is no word");
    if (!is_field_value(value)) return problem(400, "a header has control characters");
    if (name == "host") ++hosts;
    if (name == "content-length") {
      ++lengths;
      const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
      if (value.empty() || !std::all_of(value.begin(), value.end(), is_digit)) {
        return problem(400, "Content-Length is no number");
      }
      // Leading zeros aside, more digits cannot be within any limit.
      const std::size_t first = std::min(value.find_first_not_of('0'), value.size());
      if (value.size() - first > 15 ||
          (first < value.size() && std::stoll(value.substr(first)) > limits.body_bytes)) {
        return problem(413, fmt::format("the body is longer than {} bytes", limits.body_bytes),
                       "limit_exceeded");
      }
    }
    if (name == "transfer-encoding") {
      ++encodings;
      if (lower(trim(value)) != "chunked") {
        return problem(501, "the only known Transfer-Encoding is chunked");
      }
    }
    if (name == "content-encoding" && lower(trim(value)) != "identity") {
      return problem(415, "compressed bodies are not taken");
    }
    if (name == "upgrade" && lower(value).find("websocket") != std::string::npos) {
      return problem(501, "this server has no web sockets");
    }
  }
  if (bytes > limits.header_bytes) {
    return problem(431, fmt::format("the headers are longer than {} bytes", limits.header_bytes),
                   "limit_exceeded");
  }
  if (hosts == 0 && head.version == "HTTP/1.1") return problem(400, "there is no Host header");
  if (hosts > 1) return problem(400, "there are several Host headers");
  if (lengths > 1) return problem(400, "there are several Content-Length headers");
  if (encodings > 1) return problem(400, "there are several Transfer-Encoding headers");
  if (lengths > 0 && encodings > 0) {
    return problem(400, "there are both Content-Length and Transfer-Encoding");
  }
  if (encodings > 0 && head.version == "HTTP/1.0") {
    return problem(400, "HTTP/1.0 has no Transfer-Encoding");
  }
  return std::nullopt;
}

}  // namespace jielong::serve
