#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "serve/http.h"

namespace jielong::test {

/// A reply that keeps what it is given, for handlers tested without a server.
class RecordingReply : public serve::HttpReply {
 public:
  void send(int code, std::string_view content_type, std::string text,
            const serve::HttpHeaders& given) override {
    const std::lock_guard lock(mutex_);
    if (answered_) return;
    answered_ = ended_ = true;
    status = code;
    type = content_type;
    body = std::move(text);
    headers = {given.begin(), given.end()};
  }
  void begin(int code, std::string_view content_type, const serve::HttpHeaders& given) override {
    const std::lock_guard lock(mutex_);
    answered_ = streaming = true;
    status = code;
    type = content_type;
    headers = {given.begin(), given.end()};
  }
  bool write(std::string_view bytes) override {
    const std::lock_guard lock(mutex_);
    if (dropped_ || ended_) return false;
    body += bytes;
    writes.emplace_back(bytes);
    return true;
  }
  void end() override {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  bool dropped() const override {
    const std::lock_guard lock(mutex_);
    return dropped_;
  }
  void on_drop(std::function<void()> callback) override {
    {
      const std::lock_guard lock(mutex_);
      if (!dropped_) {
        callbacks_.push_back(std::move(callback));
        return;
      }
    }
    callback();
  }
  void ping_with(std::string bytes) override { ping = std::move(bytes); }

  /// As if the client had left.
  void drop() {
    std::vector<std::function<void()>> callbacks;
    {
      const std::lock_guard lock(mutex_);
      dropped_ = true;
      callbacks.swap(callbacks_);
    }
    for (const auto& callback : callbacks) callback();
  }
  bool ended() const {
    const std::lock_guard lock(mutex_);
    return ended_;
  }

  // Once it has ended.
  int status = 0;
  std::string type, body, ping;
  std::map<std::string, std::string> headers;
  std::vector<std::string> writes;
  bool streaming = false;

 private:
  mutable std::mutex mutex_;
  bool answered_ = false, ended_ = false, dropped_ = false;
  std::vector<std::function<void()>> callbacks_;
};

}  // namespace jielong::test
