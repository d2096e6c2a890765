#include "serve/status_routes.h"

#include <fmt/format.h>

#include <unistd.h>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include "base/json.h"

namespace jielong::serve {
namespace {

constexpr std::chrono::milliseconds kLookEvery(250);

/// Without names: whoever asks needs no key.
std::string health(const ServeContext& context, const StatusBoard::Models& models) {
  const Metrics& metrics = context.metrics;
  std::int64_t loading = 0, active_chains = 0, waiting_jobs = 0;
  for (const LoadedModelInfo& model : models) {
    loading += model.loading ? 1 : 0;
    active_chains += model.stats.active_chains;
    waiting_jobs += model.stats.waiting_jobs;
  }
  const OrderedJson json{
      {"status", metrics.draining ? "draining" : "ok"},
      {"version", context.version},
      {"uptime_seconds", static_cast<std::int64_t>(std::time(nullptr)) - context.started},
      {"requests_active", metrics.active_requests.load()},
      {"requests_waiting", metrics.waiting_requests.load()},
      {"models_loaded", static_cast<std::int64_t>(models.size()) - loading},
      {"models_loading", loading},
      {"active_chains", active_chains},
      {"waiting_jobs", waiting_jobs}};
  return dump(json);
}

/// One number for each model.
struct ModelSeries {
  const char *name, *type, *help;
  double (*value)(const LoadedModelInfo&);
};

template <typename Number>
double number(Number value) {
  return static_cast<double>(value);
}

constexpr ModelSeries kModelSeries[] = {
    {"jielong_model_loading", "gauge", "1 while the model is being loaded.",
     [](const LoadedModelInfo& model) { return model.loading ? 1.0 : 0.0; }},
    {"jielong_model_bytes", "gauge", "Memory the model is counted with.",
     [](const LoadedModelInfo& model) { return number(model.bytes); }},
    {"jielong_model_active_chains", "gauge", "Chains that are continued.",
     [](const LoadedModelInfo& model) { return number(model.stats.active_chains); }},
    {"jielong_model_waiting_jobs", "gauge", "Jobs that wait in line.",
     [](const LoadedModelInfo& model) { return number(model.stats.waiting_jobs); }},
    {"jielong_model_kv_blocks_used", "gauge", "Blocks of the key/value cache in use.",
     [](const LoadedModelInfo& model) { return number(model.stats.used_blocks); }},
    {"jielong_model_kv_blocks_max", "gauge", "Blocks the key/value cache may have.",
     [](const LoadedModelInfo& model) { return number(model.stats.max_blocks); }},
    {"jielong_model_prefix_tokens", "gauge", "Tokens kept for prompts that begin alike.",
     [](const LoadedModelInfo& model) { return number(model.stats.cached_prefix_tokens); }},
    {"jielong_model_jobs_total", "counter", "Jobs ended.",
     [](const LoadedModelInfo& model) { return number(model.stats.jobs); }},
    {"jielong_model_cancelled_jobs_total", "counter", "Jobs cancelled.",
     [](const LoadedModelInfo& model) { return number(model.stats.cancelled_jobs); }},
    {"jielong_model_failed_jobs_total", "counter", "Jobs ended by an error.",
     [](const LoadedModelInfo& model) { return number(model.stats.failed_jobs); }},
    {"jielong_model_prompt_tokens_total", "counter", "Prompt tokens of jobs.",
     [](const LoadedModelInfo& model) { return number(model.stats.prompt_tokens); }},
    {"jielong_model_reused_tokens_total", "counter", "Of those, tokens found in the prefix cache.",
     [](const LoadedModelInfo& model) { return number(model.stats.reused_tokens); }},
    {"jielong_model_generated_tokens_total", "counter", "Tokens drawn.",
     [](const LoadedModelInfo& model) { return number(model.stats.generated_tokens); }},
    {"jielong_model_steps_total", "counter", "Passes of the model.",
     [](const LoadedModelInfo& model) { return number(model.stats.steps); }},
    {"jielong_model_step_seconds_total", "counter", "Time spent in them.",
     [](const LoadedModelInfo& model) { return model.stats.step_seconds; }},
};

void write_models(std::string& out, const std::vector<LoadedModelInfo>& models) {
  for (const ModelSeries& series : kModelSeries) {
    out += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", series.name, series.help, series.type);
    for (const LoadedModelInfo& model : models) {
      out += fmt::format("{}{{model=\"{}\"}} {}\n", series.name, prometheus_label(model.name),
                         series.value(model));
    }
  }
}

std::int64_t open_descriptors() {
  namespace fs = std::filesystem;
  std::error_code error;
  std::int64_t count = -1;  // the one that looks
  for (fs::directory_iterator at("/proc/self/fd", error), end; !error && at != end;
       at.increment(error)) {
    ++count;
  }
  return std::max<std::int64_t>(count, 0);
}

std::int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::int64_t total = 0, resident = 0;
  if (!(file >> total >> resident)) return 0;
  return resident * ::sysconf(_SC_PAGESIZE);
}

std::string metrics_text(const ServeContext& context) {
  std::string out;
  context.metrics.write(out);
  write_models(out, context.pool.loaded());
  write_gauge(out, "process_resident_memory_bytes", "Resident memory.", resident_bytes());
  write_gauge(out, "process_open_fds", "Open file descriptors.", open_descriptors());
  write_gauge(out, "process_start_time_seconds", "When the server started, since 1970.",
              context.started);
  return out;
}

}  // namespace

StatusBoard::StatusBoard(const ModelPool& pool) : pool_(pool) {
  thread_ = std::thread([this] { work(); });
}

StatusBoard::~StatusBoard() {
  {
    const std::lock_guard lock(stop_mutex_);
    stop_ = true;
  }
  stopped_.notify_all();
  thread_.join();
}

std::shared_ptr<const StatusBoard::Models> StatusBoard::models() const {
  const std::lock_guard lock(mutex_);
  return models_;
}

void StatusBoard::work() {
  std::unique_lock stop_lock(stop_mutex_);
  while (!stop_) {
    stop_lock.unlock();
    auto models = std::make_shared<const Models>(pool_.loaded());
    {
      const std::lock_guard lock(mutex_);
      models_.swap(models);
    }
    stop_lock.lock();
    stopped_.wait_for(stop_lock, kLookEvery, [this] { return stop_; });
  }
}

void add_status_routes(RouteTable& table, ServeContext& context, const StatusBoard& board) {
  Route route;
  route.method = "GET";
  route.path = "/health";
  route.open = true;
  route.immediate = true;
  route.handler = [&context, &board](const HttpRequest&, const std::shared_ptr<HttpReply>& reply) {
    reply->send(context.metrics.draining ? 503 : 200, "application/json",
                health(context, *board.models()), {{"Cache-Control", "no-store"}});
  };
  table.add(route);
  route.path = "/metrics";
  route.open = false;
  route.immediate = false;
  route.handler = [&context](const HttpRequest&, const std::shared_ptr<HttpReply>& reply) {
    reply->send(200, "text/plain; version=0.0.4; charset=utf-8", metrics_text(context),
                {{"Cache-Control", "no-store"}});
  };
  table.add(route);
}

}  // namespace jielong::serve
