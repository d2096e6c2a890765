#include "train/run_recorder.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "train/report.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

std::int64_t now() { return static_cast<std::int64_t>(std::time(nullptr)); }

OrderedJson means_json(const std::vector<std::pair<std::string, double>>& means) {
  OrderedJson json = OrderedJson::object();
  for (const auto& [name, value] : means) json[name] = value;
  return json;
}

/// The lines of a file of records that belong to steps up to `step`.
std::string lines_up_to(const fs::path& file, std::int64_t step) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return {};
  const std::string text = read_file(file);
  std::string kept;
  std::size_t begin = 0, end = 0;
  while ((end = text.find('\n', begin)) != std::string::npos) {
    const std::string_view line = std::string_view(text).substr(begin, end + 1 - begin);
    begin = end + 1;
    try {
      const Json json = parse_json(line, "record", 16);
      const auto at = json.find("step");
      if (at == json.end() || !at->is_number_integer() || at->get<std::int64_t>() > step) continue;
    } catch (const Error&) {
      continue;
    }
    kept += line;
  }
  return kept;
}

}  // namespace

RunRecorder::RunRecorder(fs::path folder, RunInfo info)
    : folder_(std::move(folder)), info_(std::move(info)), reader_(folder_) {
  info_.name = folder_.filename().string();
}

RunRecorder::RunRecorder(RunRecorder&& other) noexcept
    : folder_(std::move(other.folder_)),
      info_(std::move(other.info_)),
      reader_(std::move(other.reader_)),
      lock_(std::exchange(other.lock_, -1)),
      torn_(other.torn_),
      trouble_(std::move(other.trouble_)) {}

RunRecorder::~RunRecorder() {
  if (lock_ >= 0) ::close(lock_);
}

void RunRecorder::lock() {
  const fs::path file = folder_ / "lock";
  lock_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0) throw Error(ErrorKind::io, std::strerror(errno), file.string());
  // Who only looks whether it is locked holds it for a moment.
  for (int attempt = 0; ::flock(lock_, LOCK_EX | LOCK_NB) != 0; ++attempt) {
    if (attempt == 20) {
      throw Error(ErrorKind::limit, "another process is training this run", folder_.string(),
                  "wait until it has ended, or stop it");
    }
    ::usleep(10'000);
  }
}

RunRecorder RunRecorder::create(const fs::path& runs, const Recipe& recipe, RunInfo info) {
  info.started = now();
  std::error_code error;
  fs::create_directories(runs, error);
  if (error) {
    throw Error(ErrorKind::io, "the folder of runs could not be made: " + error.message(),
                runs.string(), "set XDG_DATA_HOME or --out to a place that can be written");
  }
  std::tm local{};
  const auto seconds = static_cast<std::time_t>(info.started);
  ::localtime_r(&seconds, &local);
  const std::string base = fmt::format("{}-{:%Y-%m-%d-%H%M}", recipe.name, local);
  fs::path folder = runs / base;
  for (int number = 2; !fs::create_directory(folder, error); ++number) {
    if (error || number > 1000) {
      throw Error(ErrorKind::io, "the run's folder could not be made: " + error.message(),
                  folder.string(), "check the permissions, or choose another place with --out");
    }
    folder = runs / fmt::format("{}-{}", base, number);
  }
  RunRecorder recorder(folder, std::move(info));
  recorder.lock();
  write_file(folder / "recipe.yaml", write_recipe(recipe));
  recorder.write_info();
  return recorder;
}

RunRecorder RunRecorder::resume(const fs::path& folder, const Recipe& recipe, RunInfo info) {
  const RunInfo before = read_run(folder);
  info.started = before.started;
  RunRecorder recorder(folder, std::move(info));
  recorder.lock();
  write_file(folder / "recipe.yaml", write_recipe(recipe));
  recorder.write_info();
  return recorder;
}

void RunRecorder::restart_after(std::int64_t step) {
  for (const char* name : {"metrics.jsonl", "samples.jsonl"}) {
    write_file(folder_ / name, lines_up_to(folder_ / name, step));
  }
}

void RunRecorder::update(const std::function<void(RunInfo&)>& change) {
  change(info_);
  try_to([&] { write_info(); });
}

void RunRecorder::finish(const std::string& state, const std::string& problem) {
  update([&](RunInfo& info) {
    info.state = state;
    info.problem = problem;
    info.ended = now();
  });
  write_report();
}

void RunRecorder::write_info() {
  write_file(
      folder_ / "run.json",
      run_info_json(info_).dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
}

void RunRecorder::write_report() {
  try_to([&] {
    write_file(
        folder_ / "report.html",
        render_report({info_, read_file(folder_ / "recipe.yaml", 1 << 22), reader_.update()}));
  });
}

void RunRecorder::try_to(const std::function<void()>& write) {
  try {
    write();
  } catch (const Error& error) {
    if (trouble_.empty()) trouble_ = error.what();
  }
}

void RunRecorder::append(const char* name, const OrderedJson& record) {
  try_to([&] {
    const fs::path file = folder_ / name;
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (descriptor < 0) throw Error(ErrorKind::io, std::strerror(errno), file.string());
    const std::string line = (torn_ ? "\n" : "") + dump(record) + "\n";
    const ssize_t written = ::write(descriptor, line.data(), line.size());
    const int code = errno;
    ::close(descriptor);
    torn_ = written != static_cast<ssize_t>(line.size());
    if (torn_) {
      throw Error(ErrorKind::io, written < 0 ? std::strerror(code) : "the disk is full",
                  file.string(), "free some disk space");
    }
  });
}

void RunRecorder::on_step(const StepMetrics& metrics) {
  OrderedJson record{
      {"kind", "step"},
      {"step", metrics.step},
      {"tokens", metrics.total_tokens},
      {"loss", metrics.loss},
      {"learning_rate",
       metrics.learning_rates.empty() ? 0.0 : metrics.learning_rates.front().second},
      {"gradient_norm", metrics.gradient_norm},
      {"tokens_per_second", metrics.tokens_per_second},
      {"peak_share", info_.peak_flops > 0 ? metrics.flops_per_second / info_.peak_flops : 0},
      {"seconds", metrics.total_seconds},
      {"epochs", metrics.epochs}};
  if (!metrics.means.empty()) record["means"] = means_json(metrics.means);
  append("metrics.jsonl", record);
  if (std::exchange(report_is_old_, false)) write_report();
}

void RunRecorder::on_evaluation(const EvaluationMetrics& metrics) {
  OrderedJson record{{"kind", "evaluation"},
                     {"step", metrics.step},
                     {"loss", metrics.loss},
                     {"perplexity", metrics.perplexity},
                     {"bits_per_byte", metrics.bits_per_byte},
                     {"targets", metrics.targets},
                     {"seconds", metrics.seconds},
                     {"best", metrics.best}};
  if (!metrics.means.empty()) record["means"] = means_json(metrics.means);
  append("metrics.jsonl", record);
  write_report();
}

void RunRecorder::on_sample(const TrainingSample& sample) {
  append("samples.jsonl", {{"kind", "sample"},
                           {"step", sample.step},
                           {"prompt", sample.prompt},
                           {"text", sample.text}});
  report_is_old_ = true;
}

void RunRecorder::on_not_finite(std::int64_t step, const std::string& tensor) {
  update([&](RunInfo& info) {
    info.problem = fmt::format("{} was not finite in step {}", tensor, step);
  });
}

}  // namespace jielong
