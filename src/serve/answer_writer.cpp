#include "serve/answer_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "serve/streams.h"

namespace jielong::serve {
namespace {

/// One answer under way. The scheduler's thread feeds it, the handler's thread opens the stream
/// once the request is known to be sound, whichever comes first.
class Answering : public std::enable_shared_from_this<Answering> {
 public:
  /// @param runs how many requests make up the answer
  Answering(std::unique_ptr<AnswerWriter> writer, std::size_t runs, bool stream,
            std::string request_id, std::shared_ptr<HttpReply> reply)
      : writer_(std::move(writer)),
        stream_(stream),
        request_id_(std::move(request_id)),
        reply_(std::move(reply)),
        left_(runs) {}

  /// @param first the number of the request's first choice among all
  ChatListener listener(std::int64_t first) {
    const auto self = shared_from_this();
    return {[self, first](const ChatEvent& event) {
              if (first == 0) return self->push(event);
              ChatEvent numbered = event;
              numbered.choice += first;
              self->push(numbered);
            },
            [self](const ChatUsage& usage, const std::optional<Error>& error) {
              self->finish(usage, error);
            }};
  }

  void add(std::shared_ptr<ChatRun> run) {
    const std::lock_guard lock(run_mutex_);
    if (!over_) runs_.push_back(std::move(run));
  }

  /// One of the requests could not start: the others answer nobody.
  void abandon() {
    {
      const std::lock_guard lock(mutex_);
      abandoned_ = true;
    }
    cancel();
    let_go();
  }

  void started(std::int64_t prompt_tokens) {
    if (stream_) open(prompt_tokens);
    reply_->on_drop([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->cancel();
    });
  }

 private:
  void open(std::int64_t prompt_tokens) {
    const std::lock_guard lock(mutex_);
    if (answered_) return;
    begin_stream(*reply_, writer_->stream_type());
    if (std::string ping = writer_->ping(); !ping.empty()) reply_->ping_with(std::move(ping));
    reply_->write(writer_->begin(prompt_tokens) + std::exchange(early_, {}));
    opened_ = true;
    if (complete_) reply_->end();
  }

  void push(const ChatEvent& event) {
    const std::lock_guard lock(mutex_);
    if (event.end == AnswerEnd::cancelled) cancelled_ = true;
    put(writer_->push(event));
  }

  void put(const std::string& bytes) {
    if (!stream_ || bytes.empty()) return;
    if (opened_) {
      reply_->write(bytes);
    } else {
      early_ += bytes;
    }
  }

  void finish(const ChatUsage& usage, const std::optional<Error>& error) {
    const auto self = shared_from_this();  // letting go of the runs may let go of the listener
    bool last = false, first_error = false;
    {
      const std::lock_guard lock(mutex_);
      if (abandoned_) return;
      add_usage(usage);
      first_error = error && !error_;
      if (first_error) error_ = error;
      last = --left_ == 0;
      if (last) finish_all();
    }
    if (last) {
      let_go();
    } else if (first_error) {
      cancel();
    }
  }

  void add_usage(const ChatUsage& usage) {
    usage_.prompt_tokens += usage.prompt_tokens;
    usage_.cached_tokens += usage.cached_tokens;
    usage_.answer_tokens += usage.answer_tokens;
    usage_.reasoning_tokens += usage.reasoning_tokens;
    usage_.queue_seconds = std::max(usage_.queue_seconds, usage.queue_seconds);
    usage_.prefill_seconds += usage.prefill_seconds;
    usage_.decode_seconds += usage.decode_seconds;
  }

  void finish_all() {
    if (!error_ && cancelled_) {
      error_.emplace(ErrorKind::cancelled, "the answer was stopped before its end");
    }
    if (error_ && !opened_) {
      answered_ = true;
      send_problem(*reply_, writer_->dialect(), problem_of(*error_), request_id_);
    } else if (!stream_) {
      reply_->send(200, "application/json", writer_->whole(usage_));
    } else {
      put(error_ ? writer_->failed(problem_of(*error_)) : writer_->end(usage_));
      complete_ = true;
      if (opened_) reply_->end();
    }
  }

  void let_go() {
    std::vector<std::shared_ptr<ChatRun>> runs;
    const std::lock_guard lock(run_mutex_);
    over_ = true;
    runs.swap(runs_);
  }

  void cancel() {
    std::vector<std::shared_ptr<ChatRun>> runs;
    {
      const std::lock_guard lock(run_mutex_);
      runs = runs_;
    }
    for (const auto& run : runs) run->cancel();
  }

  const std::unique_ptr<AnswerWriter> writer_;
  const bool stream_;
  const std::string request_id_;
  const std::shared_ptr<HttpReply> reply_;

  std::mutex mutex_;
  std::string early_;  ///< of the stream, before it is open
  bool opened_ = false, complete_ = false, answered_ = false, cancelled_ = false;
  bool abandoned_ = false;
  std::size_t left_;  ///< of the requests
  ChatUsage usage_;   ///< of those that are over
  std::optional<Error> error_;

  // Apart from mutex_, since the server may hold locks that write() takes when it tells of a drop.
  std::mutex run_mutex_;
  std::vector<std::shared_ptr<ChatRun>> runs_;
  bool over_ = false;
};

}  // namespace

void answer_chat(ServeContext& context, const ChatRequest& request, bool stream,
                 std::unique_ptr<AnswerWriter> writer, std::string request_id,
                 const std::shared_ptr<HttpReply>& reply) {
  answer_chats(context, std::span(&request, 1), stream, std::move(writer), std::move(request_id),
               reply);
}

void answer_chats(ServeContext& context, std::span<const ChatRequest> requests, bool stream,
                  std::unique_ptr<AnswerWriter> writer, std::string request_id,
                  const std::shared_ptr<HttpReply>& reply) {
  const auto answering = std::make_shared<Answering>(std::move(writer), requests.size(), stream,
                                                     std::move(request_id), reply);
  std::int64_t first = 0, prompt_tokens = 0;
  try {
    for (const ChatRequest& request : requests) {
      auto run =
          start_chat(context.pool, request, measured(context.metrics, answering->listener(first)));
      prompt_tokens += run->prompt_tokens();
      first += request.n;
      answering->add(std::move(run));
    }
  } catch (...) {
    answering->abandon();
    throw;
  }
  answering->started(prompt_tokens);
}

std::string rfc3339(std::int64_t seconds, std::int64_t nanoseconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm utc{};
  if (gmtime_r(&time, &utc) == nullptr) return "1970-01-01T00:00:00Z";
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", utc.tm_year + 1900,
                                 utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
  if (nanoseconds > 0) text += fmt::format(".{:09}", nanoseconds);
  return text + "Z";
}

std::string rfc3339_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::int64_t nanoseconds =
      std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  return rfc3339(nanoseconds / 1000000000, nanoseconds % 1000000000);
}

}  // namespace jielong::serve
