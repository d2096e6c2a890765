#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jielong::serve {

struct HttpRequest {
  std::string method, path, query;                           ///< path without the query
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
  std::string body;
  std::string id;  ///< "req_…", also sent back as X-Request-Id

  /// The header's value, empty when it is missing.
  std::string_view header(std::string_view name) const;
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// The answer to one request, given from any thread: either send(), once, or begin(), then
/// write() as often as you like, then end(). Destroying it unanswered sends status 500; dropping
/// a stream that was begun closes the connection. A client that half-closes its connection counts
/// as gone. A request that takes longer than Limits::request_seconds is dropped as well, and the
/// client told.
class HttpReply {
 public:
  virtual ~HttpReply() = default;
  virtual void send(int status, std::string_view content_type, std::string body,
                    const HttpHeaders& headers = {}) = 0;
  virtual void begin(int status, std::string_view content_type,
                     const HttpHeaders& headers = {}) = 0;
  /// Queues bytes; never blocks. Returns false once the client is gone or reads so slowly that
  /// its queue has outgrown the limit, after which the stream counts as dropped.
  virtual bool write(std::string_view bytes) = 0;
  virtual void end() = 0;
  virtual bool dropped() const = 0;
  /// Called once when the client goes away before the end, at once if it has already, from the
  /// server's thread; must not block.
  virtual void on_drop(std::function<void()> callback) = 0;
  /// Bytes to write, once begun, after each Limits::ping_seconds without a write.
  virtual void ping_with(std::string bytes) { static_cast<void>(bytes); }
};

/// Handlers run on worker threads and may block; what they throw is turned into the error answer
/// of the route's dialect. The request is theirs until they return: its body goes then.
using HttpHandler = std::function<void(const HttpRequest&, const std::shared_ptr<HttpReply>&)>;

/// Whose error format and authentication header a route uses.
enum class Dialect : std::uint8_t { plain, openai, anthropic, ollama };

struct Route {
  std::string method, path;  ///< exact path, or a prefix when it ends in '*'
  Dialect dialect = Dialect::plain;
  bool open = false;  ///< answers without a key: only /health and the page's own files
  /// The handler runs on the server's I/O thread, whatever the workers do: it must send() before
  /// it returns and neither block nor compute.
  bool immediate = false;
  HttpHandler handler;
};

/// Every path the server answers; also what the authentication test walks. HEAD is answered by
/// the GET route, without the body.
class RouteTable {
 public:
  /// Throws Error(internal) when the method and path are taken.
  void add(Route route);
  const std::vector<Route>& routes() const { return routes_; }
  /// The route, or null; `allowed` gets the methods that the path knows, as in an Allow header.
  /// Exact paths go before prefixes, longer prefixes before shorter ones.
  const Route* find(std::string_view method, std::string_view path, std::string& allowed) const;

 private:
  std::vector<Route> routes_;
};

}  // namespace jielong::serve
