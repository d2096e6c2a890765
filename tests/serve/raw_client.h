#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <string_view>

namespace jielong::test {

/// A connection to a port of this machine that sends whatever bytes it is told to.
class RawClient {
 public:
  explicit RawClient(int port, int receive_buffer = 0) {
    descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer > 0) {
      ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ =
        ::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient() { close(); }

  bool connected() const { return connected_; }

  /// False when the other side has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// Reads on until what was received and not yet taken contains `mark`; returns all up to and
  /// with it. What there is when the connection ends, or nothing comes for a long time.
  std::string until(std::string_view mark) {
    std::size_t found = std::string::npos;
    while ((found = received_.find(mark)) == std::string::npos && receive()) {
    }
    return take(found == std::string::npos ? received_.size() : found + mark.size());
  }

  /// Everything until the connection ends.
  std::string rest() {
    while (receive()) {
    }
    return take(received_.size());
  }

  /// One response whose body has a Content-Length or chunks.
  std::string response(bool with_body = true) {
    std::string head = until("\r\n\r\n");
    if (!with_body) return head;
    if (head.find("Transfer-Encoding: chunked") != std::string::npos) {
      return head + until("0\r\n\r\n");
    }
    const std::size_t at = head.find("Content-Length: ");
    if (at == std::string::npos) return head;
    const std::size_t size = std::stoul(head.substr(at + 16));
    while (received_.size() < size && receive()) {
    }
    return head + take(std::min(size, received_.size()));
  }

  /// Whether the other side has ended the connection, or does so within the time; what it sends
  /// before is forgotten.
  bool ended() {
    while (receive()) {
    }
    return ended_;
  }

  void shut_sending() { ::shutdown(descriptor_, SHUT_WR); }
  void close() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
  }

 private:
  /// Waits for more; false at the end, or after a time that no working server takes.
  bool receive() {
    if (ended_ || descriptor_ < 0) return false;
    pollfd waiting{descriptor_, POLLIN, 0};
    if (::poll(&waiting, 1, 30'000) <= 0) return false;
    char buffer[16384];
    const ssize_t got = ::recv(descriptor_, buffer, sizeof buffer, 0);
    if (got <= 0) {
      ended_ = true;
      return false;
    }
    received_.append(buffer, static_cast<std::size_t>(got));
    return true;
  }

  std::string take(std::size_t size) {
    std::string taken = received_.substr(0, size);
    received_.erase(0, size);
    return taken;
  }

  int descriptor_ = -1;
  bool connected_ = false, ended_ = false;
  std::string received_;
};

}  // namespace jielong::test
