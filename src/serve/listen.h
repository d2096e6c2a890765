#pragma once

#include <string>

namespace jielong::serve {

/// A socket that listens; closed on destruction.
class Listener {
 public:
  /// @param host a name or address of this machine
  /// @param port 0: one the system chooses
  /// Throws Error(bad_input | io) that says why and what to do.
  Listener(const std::string& host, int port);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener();

  int descriptor() const { return descriptor_; }
  int port() const { return port_; }
  /// Only programs of this machine can connect.
  bool loopback() const { return loopback_; }
  /// "http://127.0.0.1:8080", or with the name of loopback for an address that means all.
  std::string url() const;
  /// From now on connections are refused.
  void refuse();

 private:
  int descriptor_ = -1;
  int port_ = 0;
  bool loopback_ = false, any_ = false;
  std::string address_;
};

}  // namespace jielong::serve
