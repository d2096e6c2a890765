#pragma once

#include <memory>
#include <string_view>

#include "serve/http.h"

namespace jielong::serve {

/// Begins a stream that no cache keeps and that proxies such as nginx pass on without gathering it.
void begin_stream(HttpReply& reply, std::string_view content_type);

constexpr std::string_view kEventStream = "text/event-stream";
constexpr std::string_view kRecordStream = "application/x-ndjson";

/// What a silent stream of events says now and then, so that proxies and clients keep waiting.
constexpr std::string_view kCommentPing = ": ping\n\n";

/// A server-sent event as it goes over the wire (WHATWG HTML, "event stream interpretation"). Line
/// breaks in `data` (CR, LF, CRLF) become several data fields; `name` must be one line.
std::string sse_event(std::string_view name, std::string_view data);

/// One JSON value a line.
class NdjsonStream {
 public:
  explicit NdjsonStream(std::shared_ptr<HttpReply> reply) : reply_(std::move(reply)) {}
  void begin() { begin_stream(*reply_, kRecordStream); }
  /// `json` without line breaks.
  bool record(std::string_view json);
  void end() { reply_->end(); }
  HttpReply& reply() { return *reply_; }

 private:
  std::shared_ptr<HttpReply> reply_;
};

}  // namespace jielong::serve
