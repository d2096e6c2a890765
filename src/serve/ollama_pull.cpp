#include "serve/ollama_pull.h"

#include <chrono>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/busy_error.h"
#include "base/json.h"
#include "model/store/store.h"
#include "serve/errors.h"
#include "serve/model_names.h"
#include "serve/ollama_request.h"
#include "serve/request_fields.h"
#include "serve/streams.h"

namespace jielong::serve {
namespace {

struct PullRequest {
  std::string model;
  bool stream = true;
};

PullRequest read_pull(const ServeContext& context, const std::string& body) {
  const OrderedJson json =
      parse_ordered_json(body, "request body", static_cast<std::size_t>(context.limits.json_depth));
  PullRequest request;
  RequestFields fields(json);
  request.model = requested_model(context, read_ollama_model(fields));
  request.stream = fields.boolean("stream").value_or(true);
  fields.refuse("insecure", "models come over TLS only", false);
  fields.finish();
  return request;
}

/// Writes progress records, a few a second.
class ProgressWriter {
 public:
  explicit ProgressWriter(NdjsonStream& stream) : stream_(stream) {}

  bool operator()(const PullProgress& progress) {
    using Clock = std::chrono::steady_clock;
    constexpr std::chrono::milliseconds kInterval{200};
    const bool whole = progress.total > 0 && progress.done >= progress.total;
    if (progress.file == file_ && !whole && Clock::now() - last_ < kInterval) {
      return !stream_.reply().dropped();
    }
    file_ = progress.file;
    last_ = Clock::now();
    const OrderedJson record{{"status", "pulling " + progress.file},
                             {"digest", progress.file},
                             {"total", progress.total},
                             {"completed", progress.done}};
    return stream_.record(dump(record));
  }

 private:
  NdjsonStream& stream_;
  std::string file_;
  std::chrono::steady_clock::time_point last_;
};

std::string status(const char* text) { return dump({{"status", text}}); }

/// Counts down when it goes.
class Turn {
 public:
  Turn(std::atomic<int>& running, int most) : running_(running) {
    if (running_.fetch_add(1) < most) return;
    running_.fetch_sub(1);
    throw BusyError("other models are being fetched", "model", "try again later", 10);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() { running_.fetch_sub(1); }

 private:
  std::atomic<int>& running_;
};

}  // namespace

void OllamaPull::operator()(const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) {
  const PullRequest asked = read_pull(context_, request.body);
  const Turn turn(running_, kMostAtOnce);
  StoreSettings settings = context_.pool.store().settings();
  settings.offline = settings.offline || context_.offline;
  ModelStore store(std::move(settings));
  if (!asked.stream) {
    store.pull(asked.model, [&](const PullProgress&) { return !reply->dropped(); });
    reply->send(200, "application/json", status("success"));
    return;
  }
  NdjsonStream stream(reply);
  stream.begin();
  stream.record(status("pulling manifest"));
  try {
    store.pull(asked.model, ProgressWriter(stream));
    stream.record(status("verifying sha256 digest"));
    stream.record(status("success"));
  } catch (const std::exception& error) {
    stream.record(problem_json(Dialect::ollama, problem_of(error), request.id));
  }
  stream.end();
}

}  // namespace jielong::serve
