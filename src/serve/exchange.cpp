#include "serve/exchange.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace jielong::serve {

/// What a handler holds. The last copy that goes ends the exchange.
class Exchange::Reply : public HttpReply {
 public:
  explicit Reply(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;
  ~Reply() override { exchange_->abandon(); }

  void send(int status, std::string_view content_type, std::string body,
            const HttpHeaders& headers) override {
    exchange_->send(status, content_type, std::move(body), headers);
  }
  void begin(int status, std::string_view content_type, const HttpHeaders& headers) override {
    exchange_->begin(status, content_type, headers);
  }
  bool write(std::string_view bytes) override { return exchange_->write(bytes); }
  void end() override { exchange_->end(); }
  bool dropped() const override { return exchange_->was_dropped(); }
  void on_drop(std::function<void()> callback) override { exchange_->on_drop(std::move(callback)); }
  void ping_with(std::string bytes) override {
    const std::lock_guard lock(exchange_->mutex_);
    exchange_->ping_ = std::move(bytes);
  }

 private:
  std::shared_ptr<Exchange> exchange_;
};

namespace {

void call(const Exchange::Callbacks& callbacks) {
  for (const auto& callback : callbacks) callback();
}

}  // namespace

Exchange::Exchange(const Limits& limits, Metrics& metrics) : limits_(limits), metrics_(metrics) {
  metrics_.active_requests.fetch_add(1);
}

Exchange::~Exchange() {
  if (!finished_) metrics_.active_requests.fetch_sub(1);
}

std::shared_ptr<HttpReply> Exchange::make_reply() {
  return std::make_shared<Reply>(shared_from_this());
}

void Exchange::wake() {
  if (!suspended_ || wire_ == nullptr) return;
  suspended_ = false;
  wire_->resume();
}

Exchange::Callbacks Exchange::mark_dropped() {
  if (dropped_) return {};
  dropped_ = true;
  queue_.clear();
  sent_ = 0;
  if (suspended_) {
    wake();
  } else if (wire_ != nullptr) {
    // The I/O thread may wait for a socket that never becomes ready again.
    wire_->cut();
  }
  return std::exchange(on_drop_, {});
}

void Exchange::send(int status, std::string_view content_type, std::string body,
                    const HttpHeaders& headers) {
  Callbacks forgotten;  // maybe the last ones to hold the reply: they must go without the lock
  const std::lock_guard lock(mutex_);
  if (state_ != State::open) return;
  state_ = State::answered;
  bytes_ = body.size();
  answer_ = {status, std::string(content_type), std::move(body), headers};
  forgotten.swap(on_drop_);
  wake();
}

void Exchange::begin(int status, std::string_view content_type, const HttpHeaders& headers) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::open) return;
  state_ = State::streaming;
  answer_ = {status, std::string(content_type), {}, headers};
  last_write_ = Clock::now();
  wake();
}

bool Exchange::write(std::string_view bytes) {
  Callbacks callbacks;
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::streaming || dropped_ || finished_) return false;
    if (queue_.size() - sent_ + bytes.size() <= static_cast<std::size_t>(limits_.unsent_bytes)) {
      // What was sent is forgotten only when it is the larger part: each byte moves once or so.
      if (sent_ > queue_.size() / 2) {
        queue_.erase(0, sent_);
        sent_ = 0;
      }
      queue_ += bytes;
      bytes_ += bytes.size();
      last_write_ = Clock::now();
      wake();
      return true;
    }
    metrics_.slow_readers.fetch_add(1, std::memory_order_relaxed);
    callbacks = mark_dropped();
  }
  call(callbacks);
  return false;
}

void Exchange::end() {
  Callbacks forgotten;
  const std::lock_guard lock(mutex_);
  if (state_ != State::streaming) return;
  state_ = State::ended;
  forgotten.swap(on_drop_);
  wake();
}

void Exchange::on_drop(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::open && state_ != State::streaming) return;
    if (!dropped_) {
      on_drop_.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

void Exchange::abandon() {
  Callbacks forgotten;  // whoever dropped the reply need not be told
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::streaming) {
      state_ = State::broken;
      forgotten.swap(on_drop_);
      wake();
    }
    if (state_ != State::open) return;
  }
  HttpProblem problem;
  problem.message = "nobody answered this request";
  send(problem.status, "application/json", problem_json(dialect, problem, request.id),
       problem.headers);
}

Exchange::Next Exchange::next(Wire& wire) {
  const std::lock_guard lock(mutex_);
  wire_ = &wire;
  if (state_ == State::answered) return Next::answer;
  if (dropped_) return Next::close;
  if (state_ != State::open) return Next::stream;
  suspended_ = true;
  wire.suspend();
  return Next::wait;
}

Exchange::Answer Exchange::take() {
  const std::lock_guard lock(mutex_);
  Answer answer = std::move(answer_);
  answer_ = {answer.status, {}, {}, {}};
  answer.headers.insert(answer.headers.end(), extra_headers.begin(), extra_headers.end());
  return answer;
}

std::ptrdiff_t Exchange::read(Wire& wire, char* to, std::size_t room) {
  const std::lock_guard lock(mutex_);
  if (dropped_) return kBroken;
  const std::size_t size = std::min(room, queue_.size() - sent_);
  if (size > 0) {
    std::memcpy(to, queue_.data() + sent_, size);
    sent_ += size;
    if (sent_ == queue_.size()) {
      queue_.clear();
      sent_ = 0;
    }
    return static_cast<std::ptrdiff_t>(size);
  }
  if (state_ == State::ended) return kEnd;
  if (state_ == State::broken) return kBroken;
  suspended_ = true;
  wire.suspend();
  return 0;
}

void Exchange::finish(bool whole) {
  Callbacks callbacks, forgotten;
  {
    const std::lock_guard lock(mutex_);
    wire_ = nullptr;
    suspended_ = false;
    if (finished_) return;
    finished_ = true;
    if (!whole || state_ == State::open || state_ == State::streaming) callbacks = mark_dropped();
    forgotten.swap(on_drop_);
    if (dropped_) metrics_.dropped_clients.fetch_add(1, std::memory_order_relaxed);
  }
  metrics_.active_requests.fetch_sub(1);
  call(callbacks);
}

void Exchange::drop() {
  Callbacks callbacks;
  {
    const std::lock_guard lock(mutex_);
    // An answer that is complete may still reach a client who only closed its own side.
    if (finished_ || state_ == State::answered) return;
    callbacks = mark_dropped();
  }
  call(callbacks);
}

void Exchange::expire() {
  Callbacks callbacks;
  {
    const std::lock_guard lock(mutex_);
    if (finished_ || dropped_ || state_ == State::answered) return;
    metrics_.expired_requests.fetch_add(1, std::memory_order_relaxed);
    if (state_ != State::open) {
      callbacks = mark_dropped();
    } else {
      HttpProblem problem;
      problem.status = 504;
      problem.code = "timeout";
      problem.message = "the request took longer than " + std::to_string(limits_.request_seconds) +
                        " seconds and was cancelled";
      callbacks = std::exchange(on_drop_, {});
      state_ = State::answered;
      dropped_ = true;
      answer_ = {
          problem.status, "application/json", problem_json(dialect, problem, request.id), {}};
      wake();
    }
  }
  call(callbacks);
}

void Exchange::ping(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::streaming || dropped_ || finished_ || ping_.empty()) return;
  // Nothing to add while the client has not read what there is.
  if (!suspended_ || now - last_write_ < std::chrono::seconds(limits_.ping_seconds)) return;
  queue_ += ping_;
  bytes_ += ping_.size();
  last_write_ = now;
  wake();
}

int Exchange::status() const {
  const std::lock_guard lock(mutex_);
  if (state_ == State::open) return 499;
  return answer_.status;
}

std::uint64_t Exchange::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

bool Exchange::was_dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace jielong::serve
