#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "serve/errors.h"
#include "serve/http.h"
#include "serve/limits.h"

namespace jielong::serve {

/// A request's head as it came in.
struct RequestHead {
  std::string_view method, uri, version;
  const HttpHeaders& headers;  ///< names in lower case
};

/// What is wrong with a request's head, if anything; the connection is then to be closed, since
/// where the request ends cannot be trusted. Refuses what two programs could read differently
/// (request smuggling): a Content-Length beside Transfer-Encoding, two of either, anything but
/// digits or "chunked" in them, names that are no tokens, control characters, no Host header or
/// two.
std::optional<HttpProblem> check_framing(const RequestHead& head, const Limits& limits);

}  // namespace jielong::serve
