#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/machine.h"
#include "base/paths.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/progress_bar.h"
#include "cli/text_width.h"
#include "cli/train_view.h"
#include "evaluate/experiment.h"
#include "evaluate/experiment_result.h"
#include "evaluate/experiment_run.h"
#include "evaluate/experiment_train.h"

namespace jielong::cli {
namespace {

namespace fs = std::filesystem;

struct ExperimentFlags {
  std::string folder, work;
  std::vector<std::string> only;
  std::int64_t threads = 0;
  bool small = false, fresh = false;
};

/// One line on a terminal, redrawn; elsewhere a line for each training and measurement.
class ProgressLine {
 public:
  explicit ProgressLine(Console& console) : console_(console), bar_(console, "experiment") {}

  void show(const ExperimentProgress& progress) {
    const std::string run = fmt::format("{}/{} {}, seed {}", progress.run + 1, progress.runs,
                                        progress.variant, progress.seed);
    if (!console_.error_is_terminal()) {
      if (run != last_) console_.note(run);
      last_ = run;
      return;
    }
    const auto now = std::chrono::steady_clock::now();
    if (now - shown_ < std::chrono::milliseconds(200)) return;
    shown_ = now;
    std::string title = run + ": " + progress.text;
    if (progress.seconds_left >= 0) title += ", " + clock_text(progress.seconds_left) + " left";
    bar_.set_title(title);
    bar_.show(static_cast<std::uint64_t>(progress.share * 1000), 1000);
  }

 private:
  Console& console_;
  ProgressBar bar_;
  std::string last_;
  std::chrono::steady_clock::time_point shown_;
};

void print_table(const ExperimentResult& result, Console& console) {
  const auto rows = result.table();
  std::vector<int> widths(rows[0].size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], display_width(row[i]));
    }
  }
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::string line;
    for (std::size_t i = 0; i < rows[r].size(); ++i) {
      const std::string space(static_cast<std::size_t>(widths[i] - display_width(rows[r][i])), ' ');
      // Names stand left, numbers right.
      line += i == 0 ? rows[r][i] + space : "  " + space + rows[r][i];
    }
    console.print((r == 0 ? console.paint(Style::bold, line) : line) + "\n");
  }
}

void experiment(const ExperimentFlags& flags, Console& console) {
  if (flags.threads < 0 || flags.threads > 1024) {
    throw bad_input("must lie between 0 and 1024", "--threads");
  }
  const Experiment experiment = read_experiment(flags.folder, flags.small);
  ExperimentParts parts;
  parts.work = flags.work.empty() ? data_folder() / "experiments" : fs::path(flags.work);
  parts.work /= experiment.name + (flags.small ? "-small" : "");
  if (flags.fresh) fs::remove_all(parts.work);
  parts.only = flags.only;
  parts.cancel = &interrupted;
  watch_interrupts();
  ThreadPool pool(flags.threads > 0 ? static_cast<int>(flags.threads) : default_threads());
  parts.train = recipe_trainer(pool);

  std::vector<ExperimentPoint> facts;
  for (const std::string& fact : experiment.facts) {
    const auto counted = count_fact(fact);
    facts.insert(facts.end(), counted.begin(), counted.end());
  }
  std::vector<ExperimentRun> runs;
  {
    ProgressLine line(console);
    parts.on_progress = [&](const ExperimentProgress& progress) { line.show(progress); };
    runs = run_experiment(experiment, pool, parts);
  }
  if (flags.only.empty()) check_experiment(experiment, facts, runs);
  const ExperimentResult result(experiment, facts, runs);
  // Small and partial results are not those of the recipe.
  const fs::path folder = flags.small || !flags.only.empty() ? parts.work : experiment.folder;
  write_file(folder / "result.json", result.json().dump(1) + "\n");
  write_file(folder / "result.svg", result.svg());
  if (console.json) {
    console.print_json(result.json());
    return;
  }
  for (const ExperimentPoint& fact : result.facts()) {
    console.print(fmt::format("{}: {}\n", fact.quantity, fact.value));
  }
  print_table(result, console);
  console.note(fmt::format("{} and result.json; trainings are kept in {}",
                           (folder / "result.svg").string(), parts.work.string()));
}

}  // namespace

void add_experiment(Command& command, Console& console) {
  auto flags = std::make_shared<ExperimentFlags>();
  command.argument("folder", flags->folder, "A folder with experiment.yaml", true);
  command.flag("--small", flags->small,
               "Take seconds: show that everything works, and keep the results apart");
  command.values("--only", flags->only, "VARIANT", "Run only this variant (repeatable)");
  command.flag("--fresh", flags->fresh, "Forget trainings and measurements that are there already");
  command.value("--work", flags->work, "FOLDER",
                "Where trainings are kept; none: $XDG_DATA_HOME/jielong/experiments");
  command.value("-t,--threads", flags->threads, "0: one for each core");
  command.example("jielong experiment recipes/adder-depth-vs-width",
                  "train and measure what is not there yet, draw the chart");
  command.example("jielong experiment recipes/adder-depth-vs-width --small", "in seconds");
  command.action([flags, &console] { experiment(*flags, console); });
}

}  // namespace jielong::cli
