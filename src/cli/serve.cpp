#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/engine.h"
#include "cli/quantities.h"
#include "cli/stored_model.h"
#include "generate/model_pool.h"
#include "serve/context.h"
#include "serve/http_server.h"
#include "serve/http_text.h"
#include "serve/keys.h"
#include "serve/runs.h"
#include "serve/status_routes.h"
#include "train/run_folder.h"

extern char** environ;

namespace jielong::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct ServeFlags {
  EngineFlags engine;
  std::vector<std::string> models;
  std::string host = "127.0.0.1", key_file, memory = "0", keep_alive = "-1", prefix_cache;
  std::string drain = "30s";
  std::vector<std::string> allowed_hosts, allowed_origins;
  std::int64_t port = 8080, parallel = 8, workers = 16;
  bool open = false;
};

/// SIGINT and SIGTERM, taken from all threads that are started later and asked for
/// instead: nothing is interrupted in the middle.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&set_);
    for (const int signal : {SIGINT, SIGTERM}) sigaddset(&set_, signal);
    ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals() { release(); }

  /// From now on they end the program.
  void release() const { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  /// The next signal's number, or 0 after the time.
  int wait(std::chrono::milliseconds time) const {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
    timespec limit{};
    limit.tv_sec = static_cast<std::time_t>(seconds.count());
    limit.tv_nsec = static_cast<long>(std::chrono::nanoseconds(time - seconds).count());
    const int signal = ::sigtimedwait(&set_, nullptr, &limit);
    return signal > 0 ? signal : 0;
  }

 private:
  sigset_t set_{}, before_{};
};

std::vector<std::string> all_keys(const ServeFlags& flags, Console& console) {
  std::vector<std::string> keys;
  if (!flags.key_file.empty()) {
    keys = serve::read_keys(flags.key_file);
    if (serve::others_may_read(flags.key_file)) {
      console.note("warning: others may read the file of keys; fix: chmod 600 it");
    }
  }
  if (const char* given = std::getenv("JIELONG_API_KEY")) {
    const auto more = serve::parse_keys(given);
    keys.insert(keys.end(), more.begin(), more.end());
  }
  return keys;
}

ModelPoolOptions pool_options(const ServeFlags& flags) {
  if (flags.parallel < 1 || flags.parallel > 4096) {
    throw bad_input("must lie between 1 and 4096", "--parallel");
  }
  flags.engine.check();
  ModelPoolOptions options;
  options.memory_bytes = parse_bytes(flags.memory, "--memory");
  options.threads = static_cast<int>(flags.engine.threads);
  options.context_length = flags.engine.context;
  options.kv_type = kv_type_of(flags.engine);
  options.max_chains = flags.parallel;
  options.keep_alive = parse_seconds(flags.keep_alive, "--keep-alive");
  options.prefix_folder = flags.prefix_cache;
  return options;
}

serve::ServerOptions server_options(const ServeFlags& flags, Console& console) {
  if (flags.workers < 1 || flags.workers > 1024) {
    throw bad_input("must lie between 1 and 1024", "--workers");
  }
  serve::ServerOptions options;
  options.host = flags.host;
  options.port = static_cast<int>(std::clamp<std::int64_t>(flags.port, -1, 65536));
  options.guard.keys = all_keys(flags, console);
  options.guard.hosts = flags.allowed_hosts;
  options.guard.origins = flags.allowed_origins;
  options.workers = static_cast<int>(flags.workers);
  if (!console.quiet) {
    options.log = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); };
  }
  // The machine's own name is as good as its address.
  char name[256] = "";
  if (::gethostname(name, sizeof name - 1) == 0 && serve::parse_host(name)) {
    options.guard.hosts.emplace_back(name);
    options.guard.hosts.push_back(std::string(name) + ".local");
  }
  return options;
}

/// Loads the models in the background, so that the first question need not wait.
std::thread preload(ModelPool& pool, std::vector<std::string> names, Console& console) {
  return std::thread([&pool, &console, names = std::move(names)] {
    for (const std::string& name : names) {
      try {
        const auto begin = Clock::now();
        const auto model = pool.acquire(name);
        const std::chrono::duration<double> time = Clock::now() - begin;
        console.note(fmt::format("{} is ready ({:.1f} s)", name, time.count()));
        for (const LoadedModelInfo& info : pool.loaded()) {
          if (info.name == model->name() && !info.note.empty()) {
            console.note("warning: " + info.note);
          }
        }
      } catch (const std::exception& error) {
        console.note(fmt::format("warning: {} could not be loaded: {}", name, error.what()));
      }
    }
  });
}

void announce(const serve::HttpServer& server, const ServeFlags& flags,
              const std::string& default_model, Console& console) {
  if (console.json) {
    console.print_json({{"url", server.url()},
                        {"port", server.port()},
                        {"pid", static_cast<std::int64_t>(::getpid())},
                        {"default_model", default_model}});
  } else if (console.quiet) {
    console.print(server.url() + "\n");
  } else {
    console.print(
        fmt::format("Jielong serves {} at {}\n"
                    "  chat page         {}/\n"
                    "  OpenAI, Anthropic {}/v1\n"
                    "  Ollama            {}/api\n"
                    "Ctrl-C stops it.\n",
                    default_model, server.url(), server.url(), server.url(), server.url()));
  }
  console.flush();
  if (!flags.open) return;
  const std::string url = server.url() + "/";
  std::string program = "xdg-open", address = url;
  char* arguments[] = {program.data(), address.data(), nullptr};
  pid_t child = 0;
  if (::posix_spawnp(&child, program.c_str(), nullptr, nullptr, arguments, environ) != 0) {
    console.note("no browser could be opened; the page is at " + url);
  }
}

/// Lets what is under way finish; a second signal ends the program at once.
void drain(serve::HttpServer& server, const serve::Metrics& metrics, const StopSignals& signals,
           std::chrono::seconds patience, Console& console) {
  server.drain();
  const std::int64_t active = metrics.active_requests.load();
  if (active > 0) {
    console.note(fmt::format("finishing {} request{}, at most {} s; once more ends at once", active,
                             active == 1 ? "" : "s", patience.count()));
  }
  const auto deadline = Clock::now() + patience;
  while (!server.idle() && Clock::now() < deadline) {
    const int signal = signals.wait(std::chrono::milliseconds(50));
    if (signal != 0) ::_exit(128 + signal);
  }
  // A model that is being loaded keeps the rest waiting: who does not want to, need not.
  signals.release();
}

void serve_models(const ServeFlags& flags, Console& console) {
  const StopSignals signals;
  const auto patience = parse_seconds(flags.drain, "--drain");
  const serve::ServerOptions options = server_options(flags, console);
  serve::Metrics metrics;
  // Ends before what its jobs report to, at the end of this function.
  auto owner = std::make_unique<ModelPool>(pool_options(flags), open_store(flags.engine.offline));
  ModelPool& pool = *owner;

  const std::string default_model =
      flags.models.empty() ? std::string(kDefaultModel) : flags.models.front();
  std::vector<std::string> wanted = flags.models;
  for (const std::string& name : wanted) pool.store().resolve(name);
  if (wanted.empty() && pool.store().find(default_model)) wanted.push_back(default_model);

  serve::ServeContext context{pool,
                              options.limits,
                              metrics,
                              default_model,
                              JIELONG_VERSION,
                              static_cast<std::int64_t>(std::time(nullptr)),
                              pool.store().settings().offline};
  auto board = std::make_unique<const serve::StatusBoard>(pool);
  serve::RouteTable table;
  serve::add_status_routes(table, context, *board);
  serve::add_openai_routes(table, context);
  serve::add_anthropic_routes(table, context);
  serve::add_ollama_routes(table, context);
  serve::add_run_routes(table, runs_folder());
  serve::add_page_routes(table);
  serve::HttpServer server(std::move(table), options, metrics);
  announce(server, flags, default_model, console);
  if (wanted.empty()) {
    console.note(default_model +
                 " is not here yet: the page offers to fetch it, or: jielong pull " +
                 default_model);
  }
  std::thread loader = preload(pool, wanted, console);
  while (signals.wait(std::chrono::hours(1)) == 0) {
  }
  drain(server, metrics, signals, patience, console);
  server.stop();
  loader.join();
  board.reset();
  owner.reset();
}

}  // namespace

void add_serve(Command& command, Console& console) {
  auto flags = std::make_shared<ServeFlags>();
  command.arguments("models,-m,--model", flags->models,
                    "Models to load at once; the first is the default one, others are loaded when "
                    "asked for");
  command.group("Server");
  command.value(
      "--host", flags->host, "ADDRESS",
      "Where to listen, by default 127.0.0.1; beyond this machine (0.0.0.0) only with a key");
  command.value("--port", flags->port, "The port; 0: any that is free");
  command.value("--api-key-file,--api-key", flags->key_file, "FILE",
                "Keys that clients must send, one a line; JIELONG_API_KEY holds keys themselves");
  command.values("--allowed-host", flags->allowed_hosts, "NAME",
                 "Another name of this server, as clients call it; *: any");
  command.values("--allowed-origin", flags->allowed_origins, "ORIGIN",
                 "A site whose pages may ask, as https://chat.example.org; *: any");
  command.value("--workers", flags->workers, "Requests prepared at once");
  command.value("--drain", flags->drain, "TIME",
                "How long a stop waits for running requests, by default 30s");
  command.flag("--open", flags->open, "Open the chat page in a browser");
  command.group("Models");
  command.value("--parallel", flags->parallel, "Full-length chains a model has room for");
  command.value("--memory", flags->memory, "SIZE",
                "What all models may take, as 8G; by default three quarters of the machine's");
  command.value("--keep-alive", flags->keep_alive, "TIME",
                "Unload a model unused for so long, as 5m; by default never");
  command.value("--prefix-cache", flags->prefix_cache, "FOLDER",
                "Keep the evaluated beginnings of prompts over restarts");
  flags->engine.declare(command);
  command.example("jielong serve", "the default model, for programs of this machine");
  command.example("jielong serve smollm2 --port 0 --json", "prints the port that was free");
  command.example("jielong serve --host 0.0.0.0 --api-key keys.txt", "for others, who need a key");
  command.action([flags, &console] { serve_models(*flags, console); });
}

}  // namespace jielong::cli
