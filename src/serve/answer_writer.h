#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "generate/chat_request.h"
#include "serve/context.h"
#include "serve/errors.h"
#include "serve/http.h"

namespace jielong::serve {

/// How a dialect words one answer, as a stream of bytes or as one JSON object. It is fed the
/// answer's events in order; calls come one at a time, from changing threads.
class AnswerWriter {
 public:
  virtual ~AnswerWriter() = default;

  virtual Dialect dialect() const = 0;
  virtual std::string_view stream_type() const = 0;
  /// What a silent stream says now and then; empty: nothing.
  virtual std::string ping() const { return {}; }

  /// What comes before all else in a stream. Called once, maybe after some push().
  virtual std::string begin(std::int64_t prompt_tokens) = 0;
  /// What the event adds to a stream.
  virtual std::string push(const ChatEvent& event) = 0;
  /// The rest of a stream.
  virtual std::string end(const ChatUsage& usage) = 0;
  /// How a stream that has begun tells of an error.
  virtual std::string failed(const HttpProblem& problem) = 0;
  /// The answer as one JSON object.
  virtual std::string whole(const ChatUsage& usage) = 0;
};

/// Starts the request and returns; the reply is written as the answer grows, and the request is
/// cancelled when the client goes away. Throws what start_chat() throws, before anything is
/// written.
void answer_chat(ServeContext& context, const ChatRequest& request, bool stream,
                 std::unique_ptr<AnswerWriter> writer, std::string request_id,
                 const std::shared_ptr<HttpReply>& reply);

/// The same for several requests with one answer. Their choices are numbered on, their usage
/// is summed up; when one fails, the others end.
void answer_chats(ServeContext& context, std::span<const ChatRequest> requests, bool stream,
                  std::unique_ptr<AnswerWriter> writer, std::string request_id,
                  const std::shared_ptr<HttpReply>& reply);

/// Seconds since 1970 and nanoseconds as RFC 3339 in UTC: "2026-11-25T08:49:00.123456789Z".
std::string rfc3339(std::int64_t seconds, std::int64_t nanoseconds = 0);
/// The time now.
std::string rfc3339_now();

}  // namespace jielong::serve
