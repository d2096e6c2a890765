#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "serve/http_server.h"
#include "serve/raw_client.h"
#include "serve/streams.h"

namespace jielong::test {

/// Waits, for as long as a machine under load may need, until `holds()`.
inline bool eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 3000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

/// A gate that handlers wait at.
class Gate {
 public:
  void wait() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    opened_.wait(lock, [this] { return open_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }
  int waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
  int waiting_ = 0;
};

/// A server on a free port with a few handlers of every kind.
class TestServer {
 public:
  using ReplyPtr = std::shared_ptr<serve::HttpReply>;

  explicit TestServer(serve::ServerOptions options = {}) {
    options.port = 0;
    serve::RouteTable table;
    const auto add = [&](const char* method, const char* path, serve::Dialect dialect,
                         serve::HttpHandler handler, bool immediate = false) {
      table.add({method, path, dialect, immediate, immediate, std::move(handler)});
    };
    using serve::Dialect;
    using serve::HttpRequest;
    add("POST", "/v1/echo", Dialect::openai,
        [this](const HttpRequest& request, const ReplyPtr& reply) {
          ++handled;
          reply->send(
              200, "text/plain",
              request.method + " " + request.path + "?" + request.query + " " + request.body);
        });
    add("GET", "/v1/echo", Dialect::openai,
        [this](const HttpRequest& request, const ReplyPtr& reply) {
          ++handled;
          reply->send(200, "text/plain", request.path);
        });
    add("GET", "/v1/item/*", Dialect::openai,
        [](const HttpRequest& request, const ReplyPtr& reply) {
          reply->send(200, "text/plain", request.path);
        });
    add(
        "GET", "/health", Dialect::plain,
        [](const HttpRequest&, const ReplyPtr& reply) { reply->send(200, "text/plain", "ok"); },
        true);
    add("GET", "/v1/wait", Dialect::openai, [this](const HttpRequest&, const ReplyPtr& reply) {
      gate.wait();
      reply->send(200, "text/plain", "passed");
    });
    add("GET", "/v1/hold", Dialect::openai,
        [this](const HttpRequest&, const ReplyPtr& reply) { hold(reply); });
    add("GET", "/v1/stream", Dialect::openai, [this](const HttpRequest&, const ReplyPtr& reply) {
      serve::begin_stream(*reply, serve::kEventStream);
      reply->ping_with(std::string(serve::kCommentPing));
      hold(reply);
    });
    add("GET", "/v1/throw", Dialect::openai,
        [](const HttpRequest&, const ReplyPtr&) { throw bad_input("is wrong", "field"); });
    add("GET", "/v1/messages/throw", Dialect::anthropic,
        [](const HttpRequest&, const ReplyPtr&) { throw std::runtime_error("secret"); });
    add("GET", "/api/throw", Dialect::ollama, [](const HttpRequest&, const ReplyPtr&) {
      throw Error(ErrorKind::not_found, "is not there");
    });
    add("GET", "/v1/forget", Dialect::openai, [](const HttpRequest&, const ReplyPtr&) {});
    add("GET", "/v1/break", Dialect::openai, [](const HttpRequest&, const ReplyPtr& reply) {
      serve::begin_stream(*reply, serve::kEventStream);
      reply->write(serve::sse_event({}, "half"));
    });
    server = std::make_unique<serve::HttpServer>(std::move(table), std::move(options), metrics);
  }
  ~TestServer() {
    gate.open();
    server.reset();
  }

  int port() const { return server->port(); }

  /// Sends a request without a body on a connection of its own.
  std::string get(const std::string& path, const std::string& headers = {}) {
    RawClient client(port());
    client.send(request("GET", path, headers + "Connection: close\r\n"));
    return client.rest();
  }

  static std::string request(const std::string& method, const std::string& path,
                             const std::string& headers = {}, const std::string& body = {}) {
    std::string text = method + " " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers;
    if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return text + "\r\n" + body;
  }

  /// The replies of /v1/hold and /v1/stream, in order.
  ReplyPtr held(std::size_t index = 0) {
    const std::lock_guard lock(mutex_);
    return index < held_.size() ? held_[index] : nullptr;
  }
  std::size_t held_count() {
    const std::lock_guard lock(mutex_);
    return held_.size();
  }
  void forget_held() {
    std::vector<ReplyPtr> forgotten;
    const std::lock_guard lock(mutex_);
    forgotten.swap(held_);
  }

  serve::Metrics metrics;
  Gate gate;
  std::atomic<int> handled{0}, drops{0};
  std::unique_ptr<serve::HttpServer> server;

 private:
  void hold(const ReplyPtr& reply) {
    reply->on_drop([this] { ++drops; });
    const std::lock_guard lock(mutex_);
    held_.push_back(reply);
  }

  std::mutex mutex_;
  std::vector<ReplyPtr> held_;
};

}  // namespace jielong::test
