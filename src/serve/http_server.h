#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "serve/guard.h"
#include "serve/http.h"
#include "serve/limits.h"
#include "serve/metrics.h"

namespace jielong::serve {

struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 8080;  ///< 0: one the system chooses
  GuardOptions guard;
  Limits limits;
  int workers = 16;  ///< threads that handlers run on
  /// Gets one line a request: time, client, method, path without the query, status, bytes, time
  /// taken, id. Called on a thread of the server; must not throw. May be empty.
  std::function<void(const std::string&)> log;
};

/// An HTTP/1.1 server. One thread owns all connections and never blocks; handlers run on
/// worker threads and answer whenever they like.
class HttpServer {
 public:
  /// Listens and answers from now on. `metrics` must outlive the server and all replies.
  /// Throws Error when it cannot listen, and Error(bad_input) when others could reach it and
  /// there is no key.
  HttpServer(RouteTable routes, ServerOptions options, Metrics& metrics);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  /// stop().
  ~HttpServer();

  std::string url() const;  ///< "http://127.0.0.1:8080"
  int port() const;

  /// Accepts nobody any more and answers new requests of open connections with 503; those under
  /// way go on.
  void drain();
  bool idle() const;  ///< no request is under way
  /// Drops what is under way and ends the server; waits for handlers to return.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace jielong::serve
