#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "model/store/url.h"

namespace jielong::store {

/// A secret and the one origin it may be sent to.
struct Token {
  std::string secret;
  std::string origin;  ///< as Url::origin()
};

struct HttpRequest {
  Url url;
  Token token;
  std::string accept;
  std::uint64_t from = 0;  ///< ask for the bytes from here on only
};

struct HttpAnswer {
  long status = 0;
  std::string content_type, content_range, retry_after;
  std::optional<std::uint64_t> content_length;
  Url url;  ///< after redirects
};

/// What takes the body of a 200 or 206.
struct HttpReceiver {
  /// Called once, before any data.
  std::function<void(const HttpAnswer&)> begin;
  std::function<void(std::string_view)> data;
  /// Called several times a second, also while nothing arrives; false cancels.
  std::function<bool()> keep_on;
};

/// Why a transfer did not come to its end.
enum class HttpBreak {
  none,
  transient,  ///< the connection was lost or stalled: worth another try
  fatal       ///< no name, no connection, no trust: another try would fail alike
};

struct HttpOutcome {
  HttpAnswer answer;
  HttpBreak broke = HttpBreak::none;
  std::string reason;  ///< in words, when it broke
};

/// Does a GET. Follows at most 8 redirects itself: never from https to http, and a token
/// goes only to its own origin. An exception of the receiver ends the transfer and is
/// thrown on; cancelling throws Error(cancelled).
HttpOutcome http_get(const HttpRequest& request, const HttpReceiver& receiver);

/// A whole small answer. Throws Error when it fails or is longer than `max_bytes`.
std::string http_text(const HttpRequest& request, std::size_t max_bytes,
                      std::string* content_type = nullptr, Url* final_url = nullptr);

/// Throws the Error that fits an answer other than 200 and 206, or a broken transfer.
[[noreturn]] void throw_http_error(const HttpOutcome& outcome, const Url& url);

}  // namespace jielong::store
