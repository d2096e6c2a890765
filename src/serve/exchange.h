#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "serve/errors.h"
#include "serve/http.h"
#include "serve/limits.h"
#include "serve/metrics.h"

namespace jielong::serve {

/// What an exchange needs of the connection under it. Called with the exchange's lock held.
class Wire {
 public:
  virtual ~Wire() = default;
  virtual void suspend() = 0;  ///< on the I/O thread
  virtual void resume() = 0;   ///< on any thread
  virtual void cut() = 0;      ///< on any thread: ends the connection at once
};

/// One request and its answer on their way between the I/O thread, which owns the connection,
/// and whoever answers. It outlives the connection while somebody holds the reply.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  using Clock = std::chrono::steady_clock;
  using Callbacks = std::vector<std::function<void()>>;

  Exchange(const Limits& limits, Metrics& metrics);
  ~Exchange();

  // Set by the I/O thread before anybody else sees the exchange.
  HttpRequest request;
  Dialect dialect = Dialect::plain;
  std::string route_name = "unknown";  ///< for the metrics
  HttpHeaders extra_headers;           ///< of every answer: X-Request-Id, CORS
  Clock::time_point begun = Clock::now();

  // For the one who answers, through the reply.
  std::shared_ptr<HttpReply> make_reply();

  // For the I/O thread.
  enum class Next : std::uint8_t {
    wait,    ///< suspended until there is something to do
    answer,  ///< take() gives an answer
    stream,  ///< take() gives status and headers, read() the body
    close    ///< the connection is to be ended
  };
  /// What to do next; suspends `wire` when there is nothing.
  Next next(Wire& wire);
  struct Answer {
    int status = 500;
    std::string content_type, body;
    HttpHeaders headers;
  };
  /// The answer, once, with all its headers.
  Answer take();
  static constexpr std::ptrdiff_t kEnd = -1, kBroken = -2;
  /// More of the stream: a number of bytes, 0 when suspended, kEnd or kBroken.
  std::ptrdiff_t read(Wire& wire, char* to, std::size_t room);
  /// The connection is done with this exchange and will not be touched again.
  void finish(bool whole);

  // For the watcher's thread.
  /// The client is gone, or has to go.
  void drop();
  bool overdue(Clock::time_point now) const {
    return now - begun > std::chrono::seconds(limits_.request_seconds);
  }
  /// Says that time is up when nothing was answered yet, and drops.
  void expire();
  /// Writes the ping when nothing was written for so long.
  void ping(Clock::time_point now);

  /// After finish(), for the log; 499 when the client went away before an answer.
  int status() const;
  std::uint64_t bytes() const;
  bool was_dropped() const;

 private:
  class Reply;
  enum class State : std::uint8_t { open, answered, streaming, ended, broken };

  void send(int status, std::string_view content_type, std::string body,
            const HttpHeaders& headers);
  void begin(int status, std::string_view content_type, const HttpHeaders& headers);
  bool write(std::string_view bytes);
  void end();
  void on_drop(std::function<void()> callback);
  /// Nobody will answer any more.
  void abandon();
  void wake();  // with the lock held
  /// Marks the exchange as dropped and returns the callbacks to call without the lock.
  Callbacks mark_dropped();

  const Limits limits_;
  Metrics& metrics_;
  mutable std::mutex mutex_;
  State state_ = State::open;
  Wire* wire_ = nullptr;    ///< from the first next() to finish()
  bool suspended_ = false;  ///< resume() is needed for anything to happen
  bool dropped_ = false, finished_ = false;
  Answer answer_;
  std::string queue_;        ///< of the stream, to be sent
  std::size_t sent_ = 0;     ///< bytes of queue_ gone already
  std::uint64_t bytes_ = 0;  ///< of the body in all
  std::string ping_;
  Clock::time_point last_write_;
  Callbacks on_drop_;
};

}  // namespace jielong::serve
