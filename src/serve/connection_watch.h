#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "serve/exchange.h"

namespace jielong::serve {

/// A client's connection as the watch sees it; the server adds how to suspend and resume it.
class Connection : public Wire {
 public:
  using Clock = std::chrono::steady_clock;

  Connection(int descriptor, std::string address)
      : peer(std::move(address)), descriptor_(descriptor) {}

  const std::string peer;  ///< its address, for the log
  std::uint64_t id = 0;    ///< given by the watch
  /// The client has closed its side; set by the watch.
  std::atomic<bool> peer_closed{false};

  void set_exchange(std::shared_ptr<Exchange> exchange);
  std::shared_ptr<Exchange> exchange() const;
  /// When it is cut, unless told otherwise before; the far future for never.
  void cut_after(std::chrono::seconds time) {
    deadline_ = (Clock::now() + time).time_since_epoch();
  }
  void never_cut() { deadline_ = Clock::duration::max(); }
  bool overdue(Clock::time_point now) const { return now.time_since_epoch() > deadline_.load(); }
  /// The descriptor is about to be closed and must not be touched any more.
  void forget_descriptor();
  void cut() override;

 private:
  mutable std::mutex mutex_;
  int descriptor_;  ///< -1 once it is closed
  std::shared_ptr<Exchange> exchange_;
  std::atomic<Clock::duration> deadline_{Clock::duration::max()};
};

/// A thread that sees what an I/O thread does not: clients that go away while nothing is read
/// from them or written to them, and time that runs out. It also writes the log, so that nobody
/// waits for that.
class ConnectionWatch {
 public:
  /// @param log called on the watch's thread with one line without its end; may be empty
  explicit ConnectionWatch(std::function<void(const std::string&)> log);
  ConnectionWatch(const ConnectionWatch&) = delete;
  ConnectionWatch& operator=(const ConnectionWatch&) = delete;
  ~ConnectionWatch();

  void add(const std::shared_ptr<Connection>& connection, int descriptor);
  void remove(const Connection& connection);
  std::vector<std::shared_ptr<Connection>> connections() const;
  /// Queues a line; drops it when thousands wait already.
  void log(std::string line);

 private:
  void work();
  void wake() const;
  void client_closed(std::uint64_t id);
  void look_at_clock();
  void write_log();

  std::function<void(const std::string&)> log_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<Connection>> connections_;
  std::vector<std::string> lines_;
  std::uint64_t next_id_ = 1;  ///< 0 is the wake-up descriptor
  std::atomic<bool> stop_{false};
  int poll_ = -1, wake_ = -1;
  std::thread thread_;
};

}  // namespace jielong::serve
