#include "serve/connection_watch.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace jielong::serve {
namespace {

constexpr std::size_t kMaxLines = 8192;
constexpr std::chrono::milliseconds kTick(200);

}  // namespace

void Connection::set_exchange(std::shared_ptr<Exchange> exchange) {
  const std::lock_guard lock(mutex_);
  exchange_.swap(exchange);
}

std::shared_ptr<Exchange> Connection::exchange() const {
  const std::lock_guard lock(mutex_);
  return exchange_;
}

void Connection::forget_descriptor() {
  const std::lock_guard lock(mutex_);
  descriptor_ = -1;
}

void Connection::cut() {
  const std::lock_guard lock(mutex_);
  if (descriptor_ >= 0) ::shutdown(descriptor_, SHUT_RDWR);
}

ConnectionWatch::ConnectionWatch(std::function<void(const std::string&)> log)
    : log_(std::move(log)) {
  poll_ = ::epoll_create1(EPOLL_CLOEXEC);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = 0;
  if (poll_ < 0 || wake_ < 0 || ::epoll_ctl(poll_, EPOLL_CTL_ADD, wake_, &event) != 0) {
    const int error = errno;
    if (poll_ >= 0) ::close(poll_);
    if (wake_ >= 0) ::close(wake_);
    throw Error(ErrorKind::io, std::strerror(error), "epoll");
  }
  thread_ = std::thread([this] { work(); });
}

ConnectionWatch::~ConnectionWatch() {
  stop_ = true;
  wake();
  thread_.join();
  ::close(poll_);
  ::close(wake_);
}

void ConnectionWatch::wake() const {
  const std::uint64_t one = 1;
  // A full counter wakes as well.
  [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}

void ConnectionWatch::add(const std::shared_ptr<Connection>& connection, int descriptor) {
  epoll_event event{};
  {
    const std::lock_guard lock(mutex_);
    connection->id = next_id_++;
    connections_.emplace(connection->id, connection);
    event.data.u64 = connection->id;
  }
  event.events = EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLET;
  // Closing the descriptor takes it out of the set again.
  ::epoll_ctl(poll_, EPOLL_CTL_ADD, descriptor, &event);
}

void ConnectionWatch::remove(const Connection& connection) {
  std::shared_ptr<Connection> last;  // goes without the lock
  const std::lock_guard lock(mutex_);
  const auto found = connections_.find(connection.id);
  if (found == connections_.end()) return;
  last = std::move(found->second);
  connections_.erase(found);
}

std::vector<std::shared_ptr<Connection>> ConnectionWatch::connections() const {
  std::vector<std::shared_ptr<Connection>> all;
  const std::lock_guard lock(mutex_);
  all.reserve(connections_.size());
  for (const auto& [id, connection] : connections_) all.push_back(connection);
  return all;
}

void ConnectionWatch::log(std::string line) {
  if (!log_) return;
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = lines_.empty();
    if (lines_.size() < kMaxLines) lines_.push_back(std::move(line));
  }
  if (first) wake();
}

void ConnectionWatch::work() {
  std::array<epoll_event, 64> events{};
  auto next_look = Connection::Clock::now() + kTick;
  while (!stop_) {
    const int count = ::epoll_wait(poll_, events.data(), static_cast<int>(events.size()),
                                   static_cast<int>(kTick.count()));
    for (int i = 0; i < count; ++i) {
      const std::uint64_t id = events[static_cast<std::size_t>(i)].data.u64;
      if (id != 0) {
        client_closed(id);
        continue;
      }
      std::uint64_t counter = 0;
      [[maybe_unused]] const auto got = ::read(wake_, &counter, sizeof counter);
    }
    write_log();
    const auto now = Connection::Clock::now();
    if (now >= next_look) {
      look_at_clock();
      next_look = now + kTick;
    }
  }
  write_log();
}

void ConnectionWatch::client_closed(std::uint64_t id) {
  std::shared_ptr<Connection> connection;
  {
    const std::lock_guard lock(mutex_);
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    connection = found->second;
  }
  // In this order: whoever begins an exchange looks at the flag after setting it.
  connection->peer_closed = true;
  if (const auto exchange = connection->exchange()) exchange->drop();
}

void ConnectionWatch::look_at_clock() {
  const auto now = Connection::Clock::now();
  for (const auto& connection : connections()) {
    if (connection->overdue(now)) connection->cut();
    if (const auto exchange = connection->exchange()) {
      exchange->ping(now);
      if (exchange->overdue(now)) exchange->expire();
    }
  }
}

void ConnectionWatch::write_log() {
  std::vector<std::string> lines;
  {
    const std::lock_guard lock(mutex_);
    lines.swap(lines_);
  }
  for (const std::string& line : lines) log_(line);
}

}  // namespace jielong::serve
