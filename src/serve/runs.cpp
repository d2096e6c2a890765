#include "serve/runs.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/quote.h"
#include "train/report.h"
#include "train/run_folder.h"

namespace jielong::serve {
namespace {

namespace fs = std::filesystem;
using Reply = std::shared_ptr<HttpReply>;

constexpr std::size_t kMostPoints = 480, kLatestSamples = 24, kKeptReaders = 32;
constexpr std::uint64_t kMaxRecipeBytes = 1 << 22;

/// Runs with what has been read of them, so that asking again reads only what is new.
class RunCatalogue {
 public:
  explicit RunCatalogue(fs::path runs) : runs_(std::move(runs)) {}

  OrderedJson list() {
    OrderedJson data = OrderedJson::array();
    for (const RunInfo& info : list_runs(runs_)) {
      with_records(info, [&](const RunRecords& records) {
        data.push_back(run_summary_json(info, records));
      });
    }
    return {{"object", "list"}, {"data", std::move(data)}};
  }

  /// Calls use(info, records) for the run of exactly that name. Throws Error(not_found).
  template <typename Use>
  void look_at(const std::string& name, const Use& use) {
    const auto info = find_run(runs_, name);
    if (!info || info->name != name) {
      throw Error(ErrorKind::not_found, "there is no run " + in_quotes(name), "name");
    }
    with_records(*info, [&](const RunRecords& records) { use(*info, records); });
  }

  const fs::path& folder() const { return runs_; }

 private:
  template <typename Use>
  void with_records(const RunInfo& info, const Use& use) {
    const std::lock_guard lock(mutex_);
    if (readers_.size() >= kKeptReaders && readers_.count(info.name) == 0) readers_.clear();
    auto& reader = readers_.try_emplace(info.name, runs_ / info.name).first->second;
    use(reader.update());
  }

  fs::path runs_;
  std::mutex mutex_;
  std::map<std::string, RunRecordReader> readers_;
};

OrderedJson curves(const std::vector<StepRecord>& all) {
  const std::vector<StepRecord> steps = thinned(all, kMostPoints);
  OrderedJson json = OrderedJson::object();
  const auto column = [&](const char* name, auto StepRecord::*field) {
    OrderedJson values = OrderedJson::array();
    for (const StepRecord& step : steps) values.push_back(step.*field);
    json[name] = std::move(values);
  };
  column("step", &StepRecord::step);
  column("loss", &StepRecord::loss);
  column("learning_rate", &StepRecord::learning_rate);
  column("gradient_norm", &StepRecord::gradient_norm);
  column("tokens_per_second", &StepRecord::tokens_per_second);
  return json;
}

OrderedJson details(const RunInfo& info, const RunRecords& records) {
  OrderedJson evaluations = OrderedJson::array(), samples = OrderedJson::array();
  for (const EvaluationMetrics& one : records.evaluations) {
    evaluations.push_back(
        {{"step", one.step}, {"loss", one.loss}, {"bits_per_byte", one.bits_per_byte}});
  }
  const std::size_t first =
      records.samples.size() - std::min(records.samples.size(), kLatestSamples);
  for (std::size_t i = first; i < records.samples.size(); ++i) {
    const TrainingSample& one = records.samples[i];
    samples.push_back({{"step", one.step}, {"prompt", one.prompt}, {"text", one.text}});
  }
  return {{"run", run_summary_json(info, records)},
          {"steps", curves(records.steps)},
          {"evaluations", std::move(evaluations)},
          {"samples", std::move(samples)}};
}

Route get(std::string path, Dialect dialect, HttpHandler handler) {
  return {"GET", std::move(path), dialect, false, false, std::move(handler)};
}

}  // namespace

void add_run_routes(RouteTable& table, fs::path runs) {
  const auto catalogue = std::make_shared<RunCatalogue>(std::move(runs));
  const auto name_after = [](const HttpRequest& request, std::string_view prefix) {
    return request.path.substr(prefix.size());
  };
  const HttpHeaders fresh{{"Cache-Control", "no-store"}};
  table.add(
      get("/v1/runs", Dialect::openai, [catalogue, fresh](const HttpRequest&, const Reply& reply) {
        reply->send(200, "application/json", dump(catalogue->list()), fresh);
      }));
  table.add(get("/v1/runs/*", Dialect::openai,
                [catalogue, fresh, name_after](const HttpRequest& request, const Reply& reply) {
                  catalogue->look_at(name_after(request, "/v1/runs/"),
                                     [&](const RunInfo& info, const RunRecords& records) {
                                       reply->send(200, "application/json",
                                                   dump(details(info, records)), fresh);
                                     });
                }));
  // Made anew each time, so that it is as fresh as the records and its style is the policy's.
  HttpHeaders headers = fresh;
  headers.emplace_back("Content-Security-Policy", report_policy() + "; frame-ancestors 'none'");
  headers.emplace_back("Referrer-Policy", "no-referrer");
  table.add(get("/runs/*", Dialect::plain,
                [catalogue, headers, name_after](const HttpRequest& request, const Reply& reply) {
                  const std::string name = name_after(request, "/runs/");
                  catalogue->look_at(name, [&](const RunInfo& info, const RunRecords& records) {
                    const std::string recipe =
                        read_file(catalogue->folder() / name / "recipe.yaml", kMaxRecipeBytes);
                    reply->send(200, "text/html; charset=utf-8",
                                render_report({info, recipe, records}), headers);
                  });
                }));
}

}  // namespace jielong::serve
