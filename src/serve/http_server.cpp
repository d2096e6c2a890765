#include "serve/http_server.h"

#include <arpa/inet.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <ctime>
#include <optional>
#include <random>
#include <utility>

#include "base/quote.h"
#include "serve/connection_watch.h"
#include "serve/exchange.h"
#include "serve/framing.h"
#include "serve/http_text.h"
#include "serve/listen.h"
#include "serve/worker_pool.h"

namespace jielong::serve {
namespace {

/// Memory of one connection inside the library, for its headers and its writes.
constexpr std::size_t kConnectionMemory = 65536;
/// A refused body is read and forgotten up to this many times its limit, so that the client
/// gets to read why; then the connection is cut.
constexpr std::int64_t kDiscardFactor = 4;
/// Connections above the limit are still accepted, to be told so.
constexpr std::int64_t kSpareConnections = 256;

class MhdConnection : public Connection {
 public:
  MhdConnection(MHD_Connection* handle, int descriptor, std::string address)
      : Connection(descriptor, std::move(address)), handle_(handle) {}
  void suspend() override { MHD_suspend_connection(handle_); }
  void resume() override { MHD_resume_connection(handle_); }

 private:
  MHD_Connection* handle_;
};

/// A request from its first line to the end of its answer, on the I/O thread.
struct Pending {
  std::string uri;
  std::shared_ptr<MhdConnection> connection;
  std::shared_ptr<Exchange> exchange;  ///< from the end of the headers
  const Route* route = nullptr;        ///< to take
  std::optional<HttpProblem> problem;  ///< to answer with after the body was read
  bool close = false;                  ///< the connection after the answer
  bool dispatched = false;
  std::int64_t body_bytes = 0;
};

/// Null when there is no memory.
Pending* make_pending(const char* uri, const std::shared_ptr<MhdConnection>& connection) {
  try {
    auto pending = std::make_unique<Pending>();
    pending->uri = uri == nullptr ? "" : uri;
    pending->connection = connection;
    return pending.release();
  } catch (const std::exception&) {
    return nullptr;
  }
}

std::string address_of(MHD_Connection* handle) {
  const auto* info = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  char text[INET6_ADDRSTRLEN] = "-";
  if (info == nullptr || info->client_addr == nullptr) return text;
  if (info->client_addr->sa_family == AF_INET6) {
    const auto* address = reinterpret_cast<const sockaddr_in6*>(info->client_addr);
    ::inet_ntop(AF_INET6, &address->sin6_addr, text, sizeof text);
  } else if (info->client_addr->sa_family == AF_INET) {
    const auto* address = reinterpret_cast<const sockaddr_in*>(info->client_addr);
    ::inet_ntop(AF_INET, &address->sin_addr, text, sizeof text);
  }
  return text;
}

/// Whether `digits` is a number no larger than `most`.
bool is_at_most(std::string_view digits, std::int64_t most) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() && end == digits.data() + digits.size() && number <= most;
}

/// Room for as many connections as the limits promise, as far as the system grants it.
void raise_descriptor_limit(std::int64_t connections) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const auto wanted = static_cast<rlim_t>(connections + 512);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(limit.rlim_max, wanted);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

struct HttpServer::State {
  State(RouteTable table, ServerOptions given, Metrics& counters)
      : routes(std::move(table)),
        options(std::move(given)),
        metrics(counters),
        listener(options.host, options.port),
        guard(guard_options(options, listener)),
        watch(options.log),
        workers(static_cast<std::size_t>(options.workers),
                static_cast<std::size_t>(options.limits.waiting_requests)) {
    metrics.draining = false;
    std::random_device device;
    id_seed = (static_cast<std::uint64_t>(device()) << 32) ^ device();
    raise_descriptor_limit(options.limits.connections);
    start();
  }

  static GuardOptions guard_options(const ServerOptions& options, const Listener& listener) {
    GuardOptions made = options.guard;
    made.loopback = listener.loopback();
    if (!made.loopback && made.keys.empty()) {
      throw bad_input(
          "everybody who reaches this machine could use the server, and it has no key",
          "--host " + options.host,
          "give it keys with --api-key FILE or JIELONG_API_KEY, or listen on 127.0.0.1");
    }
    return made;
  }

  void start();
  void stop();

  // On the I/O thread.
  MHD_Result try_access(Pending* pending, MHD_Connection* handle, const char* method,
                        const char* version, const char* data, std::size_t* size);
  MHD_Result access(Pending& pending, MHD_Connection* handle, const char* method,
                    const char* version, const char* data, std::size_t* size);
  MHD_Result begin(Pending& pending, MHD_Connection* handle, const char* method,
                   const char* version);
  void take_body(Pending& pending, const char* data, std::size_t size);
  void dispatch(Pending& pending);
  MHD_Result proceed(Pending& pending, MHD_Connection* handle);
  void complete(Pending& pending, bool whole);
  void log(const Pending& pending, int status);

  // On a worker's thread.
  void handle(const std::shared_ptr<Exchange>& exchange, const Route& route);

  std::string next_id() {
    // Not a secret: only unlike every other one.
    return fmt::format("req_{:016x}{:06x}", id_seed, ++id_counter & 0xffffff);
  }

  const RouteTable routes;
  const ServerOptions options;
  Metrics& metrics;
  Listener listener;
  const Guard guard;
  ConnectionWatch watch;
  WorkerPool workers;
  std::atomic<bool> stopping{false};
  std::uint64_t id_seed = 0, id_counter = 0;
  MHD_Daemon* daemon = nullptr;
};

namespace {

void send(const std::shared_ptr<Exchange>& exchange, const HttpProblem& problem) {
  send_problem(*exchange->make_reply(), exchange->dialect, problem, exchange->request.id);
}

HttpProblem unavailable(std::string message, std::string code) {
  HttpProblem problem;
  problem.status = 503;
  problem.message = std::move(message);
  problem.code = std::move(code);
  problem.headers.emplace_back("Retry-After", "2");
  return problem;
}

/// Calls a handler; what it throws becomes the answer.
void call_handler(const Route& route, const std::shared_ptr<Exchange>& exchange) {
  const std::shared_ptr<HttpReply> reply = exchange->make_reply();
  try {
    route.handler(exchange->request, reply);
  } catch (const std::exception& error) {
    send_problem(*reply, route.dialect, problem_of(error), exchange->request.id);
  }
}

}  // namespace

void HttpServer::State::start() {
  const auto connected = [](void* self, MHD_Connection* handle, void** context,
                            MHD_ConnectionNotificationCode code) {
    auto& state = *static_cast<State*>(self);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
      const auto* info = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CONNECTION_FD);
      auto connection =
          std::make_shared<MhdConnection>(handle, info->connect_fd, address_of(handle));
      connection->cut_after(std::chrono::seconds(state.options.limits.header_seconds));
      state.watch.add(connection, info->connect_fd);
      state.metrics.connections.fetch_add(1);
      *context = new std::shared_ptr<MhdConnection>(std::move(connection));
    } else if (auto* connection = static_cast<std::shared_ptr<MhdConnection>*>(*context)) {
      (*connection)->forget_descriptor();
      state.watch.remove(**connection);
      state.metrics.connections.fetch_sub(1);
      delete connection;
      *context = nullptr;
    }
  };
  const auto first_line = [](void*, const char* uri, MHD_Connection* handle) -> void* {
    const auto* info = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return make_pending(uri, *static_cast<std::shared_ptr<MhdConnection>*>(info->socket_context));
  };
  const auto access_handler = [](void* self, MHD_Connection* handle, const char*,
                                 const char* method, const char* version, const char* data,
                                 std::size_t* size, void** context) {
    return static_cast<State*>(self)->try_access(static_cast<Pending*>(*context), handle, method,
                                                 version, data, size);
  };
  const auto completed = [](void* self, MHD_Connection*, void** context,
                            MHD_RequestTerminationCode code) {
    const std::unique_ptr<Pending> pending(static_cast<Pending*>(*context));
    *context = nullptr;
    if (pending) {
      static_cast<State*>(self)->complete(*pending, code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    }
  };
  // Addresses are decoded by decode_path(), which knows what to refuse.
  const auto keep_escapes = [](void*, MHD_Connection*, char* text) -> std::size_t {
    return std::char_traits<char>::length(text);
  };
  using Connected = void (*)(void*, MHD_Connection*, void**, MHD_ConnectionNotificationCode);
  using FirstLine = void* (*)(void*, const char*, MHD_Connection*);
  using Access = MHD_Result (*)(void*, MHD_Connection*, const char*, const char*, const char*,
                                const char*, std::size_t*, void**);
  using Completed = void (*)(void*, MHD_Connection*, void**, MHD_RequestTerminationCode);
  using Unescape = std::size_t (*)(void*, MHD_Connection*, char*);
  daemon = MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, nullptr, nullptr,
      static_cast<Access>(access_handler), this,                                          //
      MHD_OPTION_LISTEN_SOCKET, listener.descriptor(),                                    //
      MHD_OPTION_CONNECTION_LIMIT,                                                        //
      static_cast<unsigned>(options.limits.connections + kSpareConnections),              //
      MHD_OPTION_CONNECTION_TIMEOUT, static_cast<unsigned>(options.limits.idle_seconds),  //
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemory,                              //
      MHD_OPTION_NOTIFY_CONNECTION, static_cast<Connected>(connected), this,              //
      MHD_OPTION_URI_LOG_CALLBACK, static_cast<FirstLine>(first_line), this,              //
      MHD_OPTION_NOTIFY_COMPLETED, static_cast<Completed>(completed), this,               //
      MHD_OPTION_UNESCAPE_CALLBACK, static_cast<Unescape>(keep_escapes), this,            //
      MHD_OPTION_END);
  if (daemon == nullptr) throw Error(ErrorKind::io, "the HTTP library could not start");
}

void HttpServer::State::stop() {
  if (daemon == nullptr) return;
  metrics.draining = true;
  // From now on no exchange is suspended any more: dispatch() looks at this flag after the
  // exchange can be found here, and dropped ones are not suspended again.
  stopping = true;
  for (const auto& connection : watch.connections()) {
    if (const auto exchange = connection->exchange()) exchange->drop();
  }
  // Otherwise the library would close the listener's descriptor.
  MHD_quiesce_daemon(daemon);
  MHD_stop_daemon(std::exchange(daemon, nullptr));
  workers.stop();
}

MHD_Result HttpServer::State::try_access(Pending* pending, MHD_Connection* handle,
                                         const char* method, const char* version, const char* data,
                                         std::size_t* size) {
  if (pending == nullptr) return MHD_NO;
  try {
    return access(*pending, handle, method, version, data, size);
  } catch (const std::exception&) {
    // No memory is left; an exception must not run through the library's C.
    return MHD_NO;
  }
}

MHD_Result HttpServer::State::access(Pending& pending, MHD_Connection* handle, const char* method,
                                     const char* version, const char* data, std::size_t* size) {
  if (!pending.exchange) return begin(pending, handle, method, version);
  if (*size > 0) {
    take_body(pending, data, *size);
    *size = 0;
    const bool endless = pending.body_bytes > options.limits.body_bytes * kDiscardFactor;
    return endless ? MHD_NO : MHD_YES;
  }
  if (!pending.dispatched) dispatch(pending);
  return proceed(pending, handle);
}

MHD_Result HttpServer::State::begin(Pending& pending, MHD_Connection* handle, const char* method,
                                    const char* version) {
  const Limits& limits = options.limits;
  auto exchange = std::make_shared<Exchange>(limits, metrics);
  pending.exchange = exchange;
  HttpRequest& request = exchange->request;
  request.id = next_id();
  request.method = method;
  exchange->extra_headers.emplace_back("X-Request-Id", request.id);
  exchange->extra_headers.emplace_back("Request-Id", request.id);  // where Anthropic's clients look
  exchange->extra_headers.emplace_back("X-Content-Type-Options", "nosniff");
  const auto add_header = [](void* headers, MHD_ValueKind, const char* name, std::size_t name_size,
                             const char* value, std::size_t value_size) {
    static_cast<HttpHeaders*>(headers)->emplace_back(
        lower({name, name_size}),
        value == nullptr ? std::string() : std::string(trim({value, value_size})));
    return MHD_YES;
  };
  using AddHeader =
      MHD_Result (*)(void*, MHD_ValueKind, const char*, std::size_t, const char*, std::size_t);
  MHD_get_connection_values_n(handle, MHD_HEADER_KIND, static_cast<AddHeader>(add_header),
                              &request.headers);
  const std::size_t question = pending.uri.find('?');
  const auto path = decode_path(std::string_view(pending.uri).substr(0, question));
  if (path) request.path = *path;
  if (question != std::string::npos) request.query = pending.uri.substr(question + 1);
  exchange->dialect = dialect_of_path(request.path);
  // From here on the watch may drop it.
  pending.connection->set_exchange(exchange);

  // What is answered at once ends the connection: the rest of the request is not read.
  std::optional<HttpProblem> at_once =
      check_framing({method, pending.uri, version, request.headers}, limits);
  if (!at_once && !path) {
    at_once = HttpProblem();
    at_once->status = 400;
    at_once->message = "the address is not a plain path";
  }
  if (!at_once && metrics.connections.load() > limits.connections) {
    at_once = unavailable("there are too many connections", "busy");
  }
  if (!at_once && metrics.draining.load() && request.path != "/health") {
    at_once = unavailable("the server is about to stop", "stopping");
  }
  const bool expects = !request.header("expect").empty();
  if (at_once && at_once->status == 413 && !expects &&
      is_at_most(request.header("content-length"), limits.body_bytes * kDiscardFactor)) {
    pending.problem = std::move(at_once);
    at_once.reset();
  }
  if (!at_once && !pending.problem) {
    Guard::Verdict verdict = guard.check(request, routes);
    exchange->dialect = verdict.dialect;
    exchange->extra_headers.insert(exchange->extra_headers.end(), verdict.headers.begin(),
                                   verdict.headers.end());
    pending.route = verdict.route;
    if (pending.route != nullptr) exchange->route_name = pending.route->path;
    if (verdict.preflight) exchange->make_reply()->send(204, "", "");
    pending.problem = std::move(verdict.problem);
    if (pending.problem && expects) at_once = std::move(pending.problem);
  }
  if (at_once) {
    pending.close = pending.dispatched = true;
    send(exchange, *at_once);
    return proceed(pending, handle);
  }
  pending.connection->cut_after(std::chrono::seconds(limits.body_seconds));
  return MHD_YES;
}

void HttpServer::State::take_body(Pending& pending, const char* data, std::size_t size) {
  const auto bytes = static_cast<std::int64_t>(size);
  std::string& body = pending.exchange->request.body;
  pending.body_bytes += bytes;
  if (pending.problem || pending.route == nullptr) return;
  if (pending.body_bytes > options.limits.body_bytes) {
    pending.problem = HttpProblem();
    pending.problem->status = 413;
    pending.problem->code = "limit_exceeded";
    pending.problem->message =
        fmt::format("the body is longer than {} bytes", options.limits.body_bytes);
  } else if (metrics.body_bytes.load() + bytes > options.limits.bodies_bytes) {
    pending.problem = unavailable("the server holds too many requests", "busy");
  } else {
    body.append(data, size);
    metrics.body_bytes.fetch_add(bytes);
    return;
  }
  metrics.body_bytes.fetch_sub(static_cast<std::int64_t>(body.size()));
  std::string().swap(body);
}

void HttpServer::State::dispatch(Pending& pending) {
  const auto& exchange = pending.exchange;
  pending.dispatched = true;
  pending.connection->never_cut();
  if (pending.problem) {
    send(exchange, *pending.problem);
    return;
  }
  if (pending.route == nullptr) return;  // a preflight, answered already
  if (pending.route->immediate) {
    call_handler(*pending.route, exchange);
    return;
  }
  if (pending.connection->peer_closed) exchange->drop();
  metrics.waiting_requests.fetch_add(1);
  const auto task = [this, exchange, route = pending.route] {
    metrics.waiting_requests.fetch_sub(1);
    handle(exchange, *route);
  };
  if (stopping || !workers.try_run(task)) {
    metrics.waiting_requests.fetch_sub(1);
    send(exchange, unavailable("too many requests wait already", "busy"));
  }
}

void HttpServer::State::handle(const std::shared_ptr<Exchange>& exchange, const Route& route) {
  if (!exchange->was_dropped()) call_handler(route, exchange);
  std::string& body = exchange->request.body;
  metrics.body_bytes.fetch_sub(static_cast<std::int64_t>(body.size()));
  std::string().swap(body);
}

MHD_Result HttpServer::State::proceed(Pending& pending, MHD_Connection* handle) {
  MHD_Response* response = nullptr;
  Exchange::Answer answer;
  switch (pending.exchange->next(*pending.connection)) {
    case Exchange::Next::wait: return MHD_YES;
    case Exchange::Next::close: return MHD_NO;
    case Exchange::Next::answer:
      answer = pending.exchange->take();
      response = MHD_create_response_from_buffer(answer.body.size(), answer.body.data(),
                                                 MHD_RESPMEM_MUST_COPY);
      break;
    case Exchange::Next::stream: {
      answer = pending.exchange->take();
      using Stream = std::pair<std::shared_ptr<Exchange>, std::shared_ptr<MhdConnection>>;
      const auto read = [](void* stream, std::uint64_t, char* to, std::size_t room) -> ssize_t {
        auto& [exchange, connection] = *static_cast<Stream*>(stream);
        const std::ptrdiff_t got = exchange->read(*connection, to, room);
        if (got == Exchange::kEnd) return MHD_CONTENT_READER_END_OF_STREAM;
        return got == Exchange::kBroken ? MHD_CONTENT_READER_END_WITH_ERROR : got;
      };
      const auto forget = [](void* stream) { delete static_cast<Stream*>(stream); };
      using Read = ssize_t (*)(void*, std::uint64_t, char*, std::size_t);
      using Forget = void (*)(void*);
      response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, static_cast<Read>(read),
                                                   new Stream(pending.exchange, pending.connection),
                                                   static_cast<Forget>(forget));
      break;
    }
  }
  if (response == nullptr) return MHD_NO;
  if (!answer.content_type.empty()) {
    MHD_add_response_header(response, "Content-Type", answer.content_type.c_str());
  }
  for (const auto& [name, value] : answer.headers) {
    MHD_add_response_header(response, name.c_str(), value.c_str());
  }
  if (pending.close || metrics.draining.load()) {
    MHD_add_response_header(response, "Connection", "close");
  }
  const MHD_Result result =
      MHD_queue_response(handle, static_cast<unsigned>(answer.status), response);
  MHD_destroy_response(response);
  return result;
}

void HttpServer::State::complete(Pending& pending, bool whole) {
  const Limits& limits = options.limits;
  // Until the next request's headers are here.
  pending.connection->cut_after(std::chrono::seconds(limits.idle_seconds + limits.header_seconds));
  pending.connection->set_exchange(nullptr);
  if (!pending.exchange) {
    // The library refused it: no headers were seen.
    metrics.count_request("malformed", 400);
    log(pending, 400);
    return;
  }
  Exchange& exchange = *pending.exchange;
  exchange.finish(whole);
  if (!pending.dispatched) {
    std::string& body = exchange.request.body;
    metrics.body_bytes.fetch_sub(static_cast<std::int64_t>(body.size()));
    std::string().swap(body);
  }
  metrics.count_request(exchange.route_name, exchange.status());
  metrics.request_seconds.observe(
      std::chrono::duration<double>(Exchange::Clock::now() - exchange.begun).count());
  log(pending, exchange.status());
}

void HttpServer::State::log(const Pending& pending, int status) {
  if (!options.log) return;
  const auto now = fmt::gmtime(std::time(nullptr));
  if (!pending.exchange) {
    watch.log(
        fmt::format("{:%FT%TZ} {} malformed request {}", now, pending.connection->peer, status));
    return;
  }
  const Exchange& exchange = *pending.exchange;
  const double milliseconds =
      std::chrono::duration<double, std::milli>(Exchange::Clock::now() - exchange.begun).count();
  watch.log(fmt::format("{:%FT%TZ} {} {} {} {} {} bytes {:.1f} ms {}{}", now,
                        pending.connection->peer, exchange.request.method,
                        in_quotes(exchange.request.path), status, exchange.bytes(), milliseconds,
                        exchange.request.id, exchange.was_dropped() ? " dropped" : ""));
}

HttpServer::HttpServer(RouteTable routes, ServerOptions options, Metrics& metrics)
    : state_(std::make_unique<State>(std::move(routes), std::move(options), metrics)) {}

HttpServer::~HttpServer() { stop(); }

std::string HttpServer::url() const { return state_->listener.url(); }

int HttpServer::port() const { return state_->listener.port(); }

void HttpServer::drain() {
  if (state_->metrics.draining.exchange(true) || state_->daemon == nullptr) return;
  // The descriptor itself is closed when the I/O thread cannot look at it any more.
  MHD_quiesce_daemon(state_->daemon);
  state_->listener.refuse();
}

bool HttpServer::idle() const { return state_->metrics.active_requests.load() == 0; }

void HttpServer::stop() { state_->stop(); }

}  // namespace jielong::serve
