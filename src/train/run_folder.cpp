#include "train/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "base/paths.h"

namespace jielong {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxInfoBytes = 1 << 20;
/// More than a million steps; beyond it the rest of a run is not shown.
constexpr std::uint64_t kMaxRecordBytes = 1ULL << 30;
constexpr std::size_t kMaxLine = 1 << 20;

/// Every field of RunInfo that its file keeps: the same table reads and writes.
template <typename Visitor>
void visit(RunInfo& info, Visitor&& each) {
  each("recipe", info.recipe);
  each("about", info.about);
  each("state", info.state);
  each("problem", info.problem);
  each("version", info.version);
  each("started", info.started);
  each("ended", info.ended);
  each("seed", info.seed);
  each("steps", info.steps);
  each("parameters", info.parameters);
  each("processor", info.processor);
  each("kernels", info.kernels);
  each("precision", info.precision);
  each("threads", info.threads);
  each("memory_bytes", info.memory_bytes);
  each("flops_per_token", info.flops_per_token);
  each("peak_flops", info.peak_flops);
}

void take(const Json& json, std::string& value) {
  if (json.is_string()) value = json.get<std::string>();
}
void take(const Json& json, std::int64_t& value) {
  if (json.is_number_integer()) value = json.get<std::int64_t>();
}
void take(const Json& json, double& value) {
  if (json.is_number()) value = json.get<double>();
}
void take(const Json& json, bool& value) {
  if (json.is_boolean()) value = json.get<bool>();
}

template <typename Value>
void take_field(const Json& json, const char* name, Value& value) {
  const auto found = json.find(name);
  if (found != json.end()) take(*found, value);
}

/// Whether somebody holds the lock of a run's folder.
bool is_locked(const fs::path& folder) {
  const int descriptor = ::open((folder / "lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool locked = ::flock(descriptor, LOCK_SH | LOCK_NB) != 0;
  ::close(descriptor);
  return locked;
}

bool is_plain_name(const std::string& name) {
  return !name.empty() && name.size() <= 255 && name.front() != '.' &&
         name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

}  // namespace

fs::path runs_folder() { return data_folder() / "runs"; }

OrderedJson run_info_json(const RunInfo& info) {
  OrderedJson json = OrderedJson::object();
  RunInfo copy = info;
  visit(copy, [&](const char* name, const auto& value) { json[name] = value; });
  return json;
}

RunInfo parse_run_info(std::string_view text, const std::string& where) {
  const Json json = parse_json(text, where, 16);
  if (!json.is_object()) throw bad_input("is no object", where);
  RunInfo info;
  visit(info, [&](const char* name, auto& value) { take_field(json, name, value); });
  return info;
}

RunInfo read_run(const fs::path& folder) {
  const fs::path file = folder / "run.json";
  RunInfo info = parse_run_info(read_file(file, kMaxInfoBytes), file.string());
  info.name = folder.filename().string();
  if (info.state == "running" && !is_locked(folder)) info.state = "interrupted";
  return info;
}

std::vector<RunInfo> list_runs(const fs::path& runs) {
  std::vector<RunInfo> list;
  std::error_code error;
  for (fs::directory_iterator at(runs, error), end; !error && at != end; at.increment(error)) {
    if (!is_plain_name(at->path().filename().string())) continue;
    try {
      list.push_back(read_run(at->path()));
    } catch (const Error&) {
      // Something else that lies here, or a run that is just being made.
    }
  }
  std::sort(list.begin(), list.end(), [](const RunInfo& a, const RunInfo& b) {
    return a.started != b.started ? a.started > b.started : a.name > b.name;
  });
  return list;
}

std::optional<RunInfo> find_run(const fs::path& runs, const std::string& name) {
  if (!is_plain_name(name)) return std::nullopt;
  std::error_code ignored;
  if (fs::exists(runs / name / "run.json", ignored)) return read_run(runs / name);
  std::optional<RunInfo> similar;
  for (RunInfo& info : list_runs(runs)) {
    if (info.recipe == name) return std::move(info);
    if (!similar && info.name.starts_with(name)) similar = std::move(info);
  }
  return similar;
}

std::vector<StepRecord> thinned(const std::vector<StepRecord>& steps, std::size_t most) {
  if (steps.size() <= most) return steps;
  std::vector<StepRecord> thin;
  for (std::size_t part = 0; part < most; ++part) {
    const std::size_t begin = part * steps.size() / most, end = (part + 1) * steps.size() / most;
    StepRecord mean = steps[end - 1];
    for (double StepRecord::*field :
         {&StepRecord::loss, &StepRecord::learning_rate, &StepRecord::gradient_norm,
          &StepRecord::tokens_per_second, &StepRecord::peak_share}) {
      double sum = 0;
      for (std::size_t i = begin; i < end; ++i) sum += steps[i].*field;
      mean.*field = sum / static_cast<double>(end - begin);
    }
    thin.push_back(mean);
  }
  return thin;
}

OrderedJson run_summary_json(const RunInfo& info, const RunRecords& records) {
  OrderedJson json{{"name", info.name}};
  json.update(run_info_json(info));
  json["steps_done"] = 0;
  if (!records.steps.empty()) {
    const StepRecord& last = records.steps.back();
    json["steps_done"] = last.step;
    json["loss"] = last.loss;
    json["tokens"] = last.total_tokens;
    json["tokens_per_second"] = last.tokens_per_second;
    json["peak_share"] = last.peak_share;
    json["seconds"] = last.seconds;
  }
  if (!records.evaluations.empty()) {
    json["held_out_loss"] = records.evaluations.back().loss;
    json["bits_per_byte"] = records.evaluations.back().bits_per_byte;
  }
  return json;
}

const RunRecords& RunRecordReader::update() {
  update(metrics_, "metrics.jsonl");
  update(samples_, "samples.jsonl");
  return records_;
}

void RunRecordReader::update(Tail& tail, const char* name) {
  const int descriptor = ::open((folder_ / name).c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return;
  struct stat info {};
  if (::fstat(descriptor, &info) != 0) info.st_size = 0;
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (tail.file != info.st_ino || size < tail.offset) {
    // Written anew when the run was resumed.
    tail = {0, info.st_ino};
    if (&tail == &metrics_) {
      records_.steps.clear();
      records_.evaluations.clear();
    } else {
      records_.samples.clear();
    }
  }
  std::string text;
  char buffer[1 << 16];
  while (tail.offset < kMaxRecordBytes) {
    const ssize_t got =
        ::pread(descriptor, buffer, sizeof buffer, static_cast<off_t>(tail.offset + text.size()));
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
    std::size_t begin = 0, end = 0;
    while ((end = text.find('\n', begin)) != std::string::npos) {
      take(std::string_view(text).substr(begin, end - begin));
      begin = end + 1;
    }
    // A line without its end is read again when it is complete.
    if (text.size() - begin > kMaxLine) begin = text.size();
    tail.offset += begin;
    text.erase(0, begin);
  }
  ::close(descriptor);
}

void RunRecordReader::take(std::string_view line) {
  Json json;
  try {
    json = parse_json(line, "record", 16);
  } catch (const Error&) {
    return;
  }
  if (!json.is_object()) return;
  std::string kind;
  take_field(json, "kind", kind);
  if (kind == "step") {
    StepRecord record;
    take_field(json, "step", record.step);
    take_field(json, "tokens", record.total_tokens);
    take_field(json, "loss", record.loss);
    take_field(json, "learning_rate", record.learning_rate);
    take_field(json, "gradient_norm", record.gradient_norm);
    take_field(json, "tokens_per_second", record.tokens_per_second);
    take_field(json, "peak_share", record.peak_share);
    take_field(json, "seconds", record.seconds);
    take_field(json, "epochs", record.epochs);
    records_.steps.push_back(record);
  } else if (kind == "evaluation") {
    EvaluationMetrics record;
    take_field(json, "step", record.step);
    take_field(json, "loss", record.loss);
    take_field(json, "perplexity", record.perplexity);
    take_field(json, "bits_per_byte", record.bits_per_byte);
    take_field(json, "seconds", record.seconds);
    take_field(json, "best", record.best);
    if (const auto means = json.find("means"); means != json.end() && means->is_object()) {
      for (const auto& [name, value] : means->items()) {
        if (value.is_number()) record.means.emplace_back(name, value.get<double>());
      }
    }
    records_.evaluations.push_back(std::move(record));
  } else if (kind == "sample") {
    TrainingSample sample;
    take_field(json, "step", sample.step);
    take_field(json, "prompt", sample.prompt);
    take_field(json, "text", sample.text);
    records_.samples.push_back(std::move(sample));
  }
}

}  // namespace jielong
