#pragma once

#include <httplib.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace jielong {

/// A server on loopback that stands in for the Hub, a package index or a file host. It
/// answers GETs from a table of paths, remembers what it was asked, and can misbehave.
class StandInServer {
 public:
  struct Page {
    std::string body = {};
    std::string type = "application/octet-stream";
    int status = 200;
    std::string location = {};  ///< redirects there
    int cuts = 0;               ///< how many answers break off
    std::size_t cut_after = 0;  ///< after so many bytes
    bool ranges = true;         ///< whether it can continue a file
    int slow_ms = 0;            ///< a pause before every 64 KiB
  };
  struct Asked {
    std::string path, range, authorization, accept;
  };

  StandInServer() {
    server_.Get(".*", [this](const httplib::Request& request, httplib::Response& response) {
      answer(request, response);
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
  }
  ~StandInServer() {
    server_.stop();
    thread_.join();
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  void put(const std::string& path, Page page) {
    const std::lock_guard lock(mutex_);
    pages_[path] = std::move(page);
  }
  void put_json(const std::string& path, const std::string& body) {
    put(path, {.body = body, .type = "application/json"});
  }
  std::vector<Asked> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  /// The requests for one path.
  std::vector<Asked> asked_for(const std::string& path) const {
    std::vector<Asked> found;
    for (const Asked& request : asked()) {
      if (request.path == path) found.push_back(request);
    }
    return found;
  }

 private:
  void answer(const httplib::Request& request, httplib::Response& response) {
    const std::lock_guard lock(mutex_);
    asked_.push_back({request.path, request.get_header_value("Range"),
                      request.get_header_value("Authorization"),
                      request.get_header_value("Accept")});
    const auto found = pages_.find(request.path);
    if (found == pages_.end()) {
      response.status = 404;
      response.set_content("no such page", "text/plain");
      return;
    }
    Page& page = found->second;
    if (page.status != 200) response.status = page.status;  // else 200, or 206 for a range
    if (!page.location.empty()) {
      response.set_header("Location", page.location);
      return;
    }
    if (page.status == 429) response.set_header("Retry-After", "7");
    if (!page.ranges) const_cast<httplib::Request&>(request).ranges.clear();
    const bool cut = page.cuts > 0;
    if (cut) --page.cuts;
    auto body = std::make_shared<std::string>(page.body);
    if (page.body.empty()) {
      response.set_content("", page.type);
      return;
    }
    response.set_content_provider(
        body->size(), page.type,
        [body, cut, slow = page.slow_ms, sent = std::size_t{0}, limit = page.cut_after](
            std::size_t offset, std::size_t length, httplib::DataSink& sink) mutable {
          std::size_t piece = std::min<std::size_t>(length, 64 << 10);
          if (cut) {
            if (sent >= limit) return false;
            piece = std::min(piece, limit - sent);
          }
          if (slow > 0) std::this_thread::sleep_for(std::chrono::milliseconds(slow));
          sink.write(body->data() + offset, piece);
          sent += piece;
          return true;
        });
  }

  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
  mutable std::mutex mutex_;
  std::map<std::string, Page> pages_;
  std::vector<Asked> asked_;
};

/// A folder of its own that is gone after the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "jielong-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace jielong
