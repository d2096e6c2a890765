#pragma once

#include <memory>
#include <string_view>

#include "serve/http.h"

namespace jielong::serve {

/// Server-sent events (WHATWG HTML, "event stream interpretation") over a reply. After some
/// seconds without an event the server writes `ping` so that proxies and clients keep waiting.
class SseStream {
 public:
  static constexpr std::string_view kCommentPing = ": ping\n\n";

  explicit SseStream(std::shared_ptr<HttpReply> reply) : reply_(std::move(reply)) {}
  void begin(int status = 200, std::string_view ping = kCommentPing);
  /// Each line of `data` in a data field of its own. False once the client is gone.
  bool data(std::string_view data) { return event({}, data); }
  /// The same with an event name, unless that is empty.
  bool event(std::string_view name, std::string_view data);
  void end() { reply_->end(); }
  HttpReply& reply() { return *reply_; }

 private:
  std::shared_ptr<HttpReply> reply_;
};

/// One event as it goes over the wire. Line breaks in `data` (CR, LF, CRLF) become several data
/// fields; `name` must be one line.
std::string sse_event(std::string_view name, std::string_view data);

/// One JSON value a line.
class NdjsonStream {
 public:
  explicit NdjsonStream(std::shared_ptr<HttpReply> reply) : reply_(std::move(reply)) {}
  void begin(int status = 200) { reply_->begin(status, "application/x-ndjson"); }
  /// `json` without line breaks.
  bool record(std::string_view json);
  void end() { reply_->end(); }
  HttpReply& reply() { return *reply_; }

 private:
  std::shared_ptr<HttpReply> reply_;
};

}  // namespace jielong::serve
