#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/quote.h"
#include "cli/commands.h"
#include "cli/stored_model.h"
#include "cli/text_width.h"
#include "cli/train_view.h"
#include "train/chart.h"
#include "train/checkpoint.h"
#include "train/run_folder.h"

namespace jielong::cli {
namespace {

struct RunsFlags {
  std::vector<std::string> words;
  std::string folder;
  bool path = false;
};

std::filesystem::path folder_of(const RunsFlags& flags) {
  return flags.folder.empty() ? runs_folder() : std::filesystem::path(flags.folder);
}

void list(const RunsFlags& flags, Console& console) {
  const std::filesystem::path folder = folder_of(flags);
  const std::vector<RunInfo> runs = list_runs(folder);
  if (console.quiet && !console.json) {
    for (const RunInfo& info : runs) console.print(info.name + "\n");
    return;
  }
  if (console.json) {
    OrderedJson json = OrderedJson::array();
    for (const RunInfo& info : runs) {
      RunRecordReader reader(folder / info.name);
      json.push_back(run_summary_json(info, reader.update()));
    }
    console.print_json(json);
    return;
  }
  if (runs.empty()) {
    console.note("There are no runs yet: jielong train recipe.yaml begins one.");
    return;
  }
  int width = 24;
  for (const RunInfo& info : runs) width = std::max(width, display_width(info.name));
  console.print(console.paint(Style::bold, pad("name", width) + "  " + pad("state", 12) +
                                               pad("steps", 16) + pad("loss", 8) +
                                               pad("held-out", 10) + "begun") +
                "\n");
  for (const RunInfo& info : runs) {
    RunRecordReader reader(folder / info.name);
    const RunRecords& records = reader.update();
    const std::int64_t done = records.steps.empty() ? 0 : records.steps.back().step;
    const auto loss = [](const auto& list) {
      return list.empty() ? std::string("–") : fmt::format("{:.3f}", list.back().loss);
    };
    console.print(pad(info.name, width) + "  " + pad(harmless(info.state), 12) +
                  pad(fmt::format("{}/{}", done, info.steps), 16) + pad(loss(records.steps), 8) +
                  pad(loss(records.evaluations), 10) + age(info.started) + "\n");
  }
}

void show(const RunsFlags& flags, Console& console) {
  const std::string& name = flags.words[1];
  const std::filesystem::path folder = folder_of(flags);
  const auto found = find_run(folder, name);
  if (!found) {
    throw Error(ErrorKind::not_found, "there is no run " + in_quotes(name), folder.string(),
                "jielong runs lists them");
  }
  const RunInfo& info = *found;
  const std::filesystem::path place = folder / info.name;
  if (flags.path) {
    console.print(place.string() + "\n");
    return;
  }
  RunRecordReader reader(place);
  const RunRecords& records = reader.update();
  const std::vector<Checkpoint> checkpoints = list_checkpoints(place / "checkpoints");
  if (console.json) {
    OrderedJson json = run_summary_json(info, records);
    json["folder"] = place.string();
    json["report"] = (place / "report.html").string();
    OrderedJson list = OrderedJson::array();
    for (const Checkpoint& one : checkpoints) {
      list.push_back({{"step", one.step}, {"folder", one.folder.string()}});
    }
    json["checkpoints"] = std::move(list);
    console.print_json(json);
    return;
  }
  const auto line = [&](const std::string& what, const std::string& value) {
    if (value.empty()) return;
    console.print(console.paint(Style::bold, pad(what, 14)) + harmless(value) + "\n");
  };
  line("run", info.name);
  line("about", info.about);
  line("state", info.problem.empty() ? info.state : info.state + ": " + info.problem);
  line("parameters", info.parameters > 0 ? short_number(static_cast<double>(info.parameters)) : "");
  if (!records.steps.empty()) {
    const StepRecord& last = records.steps.back();
    line("steps", fmt::format("{}/{}, {} tokens, {}", last.step, info.steps,
                              short_number(static_cast<double>(last.total_tokens)),
                              clock_text(last.seconds)));
    std::vector<double> losses;
    for (const StepRecord& step : records.steps) losses.push_back(step.loss);
    line("loss", fmt::format("{:.4f} {}", last.loss,
                             loss_curve(losses, std::clamp(console.columns() - 26, 8, 60))));
    line("speed",
         fmt::format(
             "{} tokens/s{}", short_number(last.tokens_per_second),
             last.peak_share > 0 ? fmt::format(", {:.0f}% of peak", last.peak_share * 100) : ""));
  }
  if (!records.evaluations.empty()) {
    const EvaluationMetrics& last = records.evaluations.back();
    line("held-out", fmt::format("loss {:.4f}{} in step {}", last.loss,
                                 last.bits_per_byte > 0
                                     ? fmt::format(", {:.4f} bits per byte", last.bits_per_byte)
                                     : "",
                                 last.step));
  }
  if (!records.samples.empty()) {
    line("sample", records.samples.back().prompt + records.samples.back().text);
  }
  if (!checkpoints.empty()) line("checkpoint", checkpoints.back().folder.string());
  line("report", (place / "report.html").string());
}

void run(const RunsFlags& flags, Console& console) {
  if (flags.words.empty() || (flags.words[0] == "list" && flags.words.size() == 1)) {
    list(flags, console);
  } else if (flags.words[0] == "show" && flags.words.size() == 2) {
    show(flags, console);
  } else {
    throw bad_input("is not understood", "jielong runs " + flags.words[0],
                    "say: jielong runs, or: jielong runs show NAME");
  }
}

}  // namespace

void add_runs(Command& command, Console& console) {
  auto flags = std::make_shared<RunsFlags>();
  command.arguments("words", flags->words, "Nothing, or: show NAME");
  command.value("--runs", flags->folder, "FOLDER",
                "Where runs are, by default $XDG_DATA_HOME/jielong/runs");
  command.flag("--path", flags->path, "show: print the run's folder only");
  command.example("jielong runs", "all trainings, the newest first");
  command.example("jielong runs show stories", "the newest run of the recipe \"stories\"");
  command.example("xdg-open \"$(jielong runs show stories --path)/report.html\"", "its curves");
  command.action([flags, &console] { run(*flags, console); });
}

}  // namespace jielong::cli
