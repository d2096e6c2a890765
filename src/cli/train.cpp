#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/machine.h"
#include "base/quote.h"
#include "cli/build_version.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/progress_bar.h"
#include "cli/text_width.h"
#include "cli/train_view.h"
#include "train/chart.h"
#include "train/data/data_files.h"
#include "train/plan.h"
#include "train/run_training.h"

namespace jielong::cli {
namespace {

constexpr const char* kNewest = "newest";

struct TrainFlags {
  std::string recipe, resume, out;
  std::vector<std::string> sets;
  std::int64_t threads = 0;
  bool dry_run = false, schema = false;
};

int threads_for(const TrainFlags& flags, const Recipe& recipe) {
  const std::int64_t threads = flags.threads > 0 ? flags.threads : recipe.threads;
  if (threads < 0 || threads > 1024) throw bad_input("must lie between 0 and 1024", "--threads");
  return threads > 0 ? static_cast<int>(threads) : default_threads();
}

/// What the data takes on disk; throws for a source that is not there.
std::uint64_t data_bytes(const Recipe& recipe) {
  std::uint64_t bytes = 0;
  for (const SourceRecipe& source : recipe.data.sources) {
    for (const DataFile& file : find_data_files({source.path})) bytes += file.bytes;
  }
  return bytes;
}

void dry_run(const Recipe& recipe, ThreadPool& pool, Console& console) {
  const std::uint64_t bytes = data_bytes(recipe);
  console.note("Taking a few steps on random tokens to see how long they take …");
  const TrainingPlan plan = plan_training(recipe, pool, true);
  if (console.json) {
    OrderedJson json = plan_json(plan);
    json["data_bytes"] = bytes;
    json["threads"] = pool.size();
    console.print_json(json);
    return;
  }
  const auto line = [&](const std::string& what, const std::string& value) {
    console.print(console.paint(Style::bold, pad(what, 20)) + value + "\n");
  };
  const auto number = [](auto value) { return short_number(static_cast<double>(value)); };
  const auto memory = [](std::uint64_t value) { return human_bytes(static_cast<double>(value)); };
  line("parameters", number(plan.parameters));
  for (const auto& [part, count] : plan.parts) {
    line("  " + part,
         fmt::format("{} ({:.0f}%)", number(count),
                     100.0 * static_cast<double>(count) /
                         static_cast<double>(std::max<std::int64_t>(1, plan.parameters))));
  }
  line("data", memory(bytes) + " on disk");
  line("steps", fmt::format("{} of {} tokens, {} tokens in all", plan.steps,
                            number(plan.tokens_per_step), number(plan.tokens())));
  line("FLOP",
       fmt::format("{} a token, {} in all", number(plan.flops_per_token), number(plan.flops())));
  line("memory", memory(plan.bytes()));
  line("  parameters", memory(plan.parameter_bytes));
  line("  gradients", memory(plan.gradient_bytes));
  line("  optimizer", memory(plan.optimizer_bytes));
  if (plan.average_bytes > 0) line("  average", memory(plan.average_bytes));
  line("  activations",
       fmt::format("{} ({} {} checkpoint_activations)", memory(plan.activation_bytes),
                   memory(plan.other_activation_bytes),
                   recipe.checkpoint_activations ? "without" : "with"));
  const double speed = static_cast<double>(plan.tokens_per_step) / plan.seconds_per_step;
  line("speed",
       fmt::format("{} tokens/s on {} threads", number(speed), pool.size()) +
           (plan.peak_flops > 0 ? fmt::format(", {:.0f}% of {}FLOP/s",
                                              100 * speed * plan.flops_per_token / plan.peak_flops,
                                              short_number(plan.peak_flops))
                                : ""));
  line("time", "about " + clock_text(plan.seconds()) + ", evaluations and samples aside");
}

/// The run that --resume means, and its recipe with what --set changes.
RunRequest request_of(const TrainFlags& flags) {
  RunRequest request;
  request.runs = flags.out.empty() ? runs_folder() : std::filesystem::path(flags.out);
  if (flags.recipe.empty() && flags.resume.empty()) {
    throw bad_input("is missing", "recipe", "say: jielong train recipe.yaml");
  }
  if (flags.resume.empty()) {
    request.recipe = read_recipe(flags.recipe, flags.sets);
    return request;
  }
  std::string name = flags.resume;
  if (name == kNewest && !flags.recipe.empty()) name = read_recipe(flags.recipe, flags.sets).name;
  std::optional<RunInfo> found;
  if (name == kNewest) {
    const std::vector<RunInfo> runs = list_runs(request.runs);
    if (!runs.empty()) found = runs.front();
  } else {
    found = find_run(request.runs, name);
  }
  if (!found) {
    throw Error(ErrorKind::not_found, "there is no run " + in_quotes(name), request.runs.string(),
                "jielong runs lists them");
  }
  request.resume = request.runs / found->name;
  request.recipe = read_recipe(*request.resume / "recipe.yaml", flags.sets);
  return request;
}

OrderedJson outcome_json(const RunOutcome& outcome) {
  RunRecordReader reader(outcome.folder);
  OrderedJson json = run_summary_json(outcome.info, reader.update());
  json["folder"] = outcome.folder.string();
  json["report"] = (outcome.folder / "report.html").string();
  if (!outcome.model.empty()) json["model"] = outcome.model.string();
  json["resumed_from"] = outcome.resumed_from;
  return json;
}

void tell(const RunOutcome& outcome, Console& console) {
  for (const std::string& note : outcome.notes) console.note("warning: " + note);
  if (console.json) {
    console.print_json(outcome_json(outcome));
  } else if (console.quiet) {
    console.print(outcome.folder.string() + "\n");
  } else {
    console.print("report  " + (outcome.folder / "report.html").string() + "\n");
    if (!outcome.model.empty()) {
      console.print("model   " + outcome.model.string() + "\n" + "try it  jielong run " +
                    outcome.model.string() + " --raw \"Once upon a time\"\n");
    }
  }
  if (outcome.end == RunEnd::stopped) throw Error(ErrorKind::cancelled, "stopped");
  if (outcome.end == RunEnd::not_finite) {
    throw bad_input(outcome.info.problem, outcome.folder.string(),
                    "lower optimizer.learning_rate, or raise schedule.warmup_share");
  }
}

void train(const TrainFlags& flags, Console& console) {
  if (flags.schema) {
    console.print(recipe_schema().dump(2) + "\n");
    return;
  }
  RunRequest request = request_of(flags);
  ThreadPool pool(threads_for(flags, request.recipe));
  if (flags.dry_run) return dry_run(request.recipe, pool, console);

  const std::unique_ptr<Communicator> communicator = make_mpi_communicator();
  request.communicator = communicator.get();
  request.version = build_version();
  watch_interrupts();
  request.stop = &interrupted;
  const bool speaks = communicator == nullptr || communicator->rank() == 0;
  Console silent = console;
  silent.quiet = true;
  Console& own = speaks ? console : silent;
  RunOutcome outcome;
  {
    ProgressBar bar(own, "data");
    TrainView view(own);
    request.progress = [&](std::string_view stage, std::uint64_t done, std::uint64_t total) {
      if (interrupted.load()) throw Error(ErrorKind::cancelled, "stopped");
      bar.set_title(std::string(stage));
      bar.show(done, total);
    };
    request.begun = [&](const RunInfo& info, const std::filesystem::path& folder) {
      view.begin(info);
      own.note(fmt::format("{}: {} parameters, {} steps, {} threads", folder.string(),
                           short_number(static_cast<double>(info.parameters)), info.steps,
                           info.threads));
    };
    outcome = run_training(request, pool, view);
  }
  if (speaks) tell(outcome, console);
}

}  // namespace

void add_train(Command& command, Console& console) {
  auto flags = std::make_shared<TrainFlags>();
  command.argument("recipe", flags->recipe, "A recipe: a YAML file (docs/guide/training.md)");
  command.values("--set", flags->sets, "KEY=VALUE",
                 "Change a setting of the recipe, as model.layers=4; may be repeated");
  command.optional_value("--resume", flags->resume, kNewest, "RUN",
                         "Go on with a run, by default the recipe's newest");
  command.flag("--dry-run", flags->dry_run, "Only tell what it would be: parameters, memory, time");
  command.flag("--schema", flags->schema, "Print the JSON Schema of recipes");
  command.value("-t,--threads", flags->threads, "Threads; 0: as the recipe says");
  command.value("--out", flags->out, "FOLDER",
                "Where runs are made, by default $XDG_DATA_HOME/jielong/runs");
  command.example("jielong train recipes/stories-from-nothing/recipe.yaml",
                  "train; Ctrl-C keeps a checkpoint");
  command.example("jielong train recipe.yaml --dry-run", "parameters, memory and time first");
  command.example("jielong train recipe.yaml --set model.layers=4 --set budget.minutes=10",
                  "the same with changes");
  command.example("jielong train --resume", "go on with the newest run");
  command.action([flags, &console] { train(*flags, console); });
}

}  // namespace jielong::cli
