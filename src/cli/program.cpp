#include "cli/program.h"

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/console.h"
#include "cli/interrupt.h"

namespace jielong::cli {
namespace {

constexpr int kError = 1, kUsage = 2, kInterrupted = 130;

struct CommandEntry {
  const char* name;
  const char* help;
  void (*add)(Command&, Console&);
  bool takes_model;
};

constexpr CommandEntry kCommands[] = {
    {"run", "Chat with a model, or let it answer or continue one text", &add_run, true},
    {"serve", "Serve models over HTTP: chat page, OpenAI, Anthropic and Ollama APIs", &add_serve,
     true},
    {"pull", "Fetch a model into the model folder", &add_pull, false},
    {"list", "List the models on this machine", &add_list, false},
    {"show", "Show what a model is: sizes, architecture, template", &add_show, true},
    {"rm", "Remove a model that pull or convert made", &add_rm, true},
    {"convert", "Convert and quantize model files", &add_convert, true},
    {"tokenize", "Show text as tokens, or tokens as text", &add_tokenize, true},
    {"train", "Find a model's parameters: from nothing, or on from where they are", &add_train,
     false},
    {"runs", "List trainings, or show one", &add_runs, false},
    {"experiment", "Compare trainings: variants of a recipe, a chart and a table", &add_experiment,
     false},
    {"tokenizer", "Learn a tokenizer from text", &add_tokenizer, false},
    {"perplexity", "Measure how well a model predicts a text", &add_perplexity, true},
    {"bench", "Measure how fast a model runs on this machine", &add_bench, true},
    {"embed", "Turn texts into vectors", &add_embed, true},
    {"doctor", "Tell what this machine offers and what was chosen", &add_doctor, false}};

void add_console_flags(CLI::App& app, Console& console) {
  Command command(app);
  command.group("Output");
  command.flag("--json", console.json, "Print the result as JSON");
  command.flag("-q,--quiet", console.quiet, "Print results only");
  command.flag("--no-color", console.no_color, "No colours; NO_COLOR does the same");
}

std::vector<CompletionCommand> describe_commands(const CLI::App& app) {
  std::vector<CompletionCommand> commands;
  for (const CLI::App* sub : app.get_subcommands({})) {
    CompletionCommand command{sub->get_name(), sub->get_description(), false, {}};
    for (const CommandEntry& entry : kCommands) {
      if (command.name == entry.name) command.takes_model = entry.takes_model;
    }
    for (const CLI::Option* option : sub->get_options()) {
      CompletionFlag flag;
      for (const auto& name : option->get_snames()) flag.names.push_back("-" + name);
      for (const auto& name : option->get_lnames()) flag.names.push_back("--" + name);
      if (flag.names.empty()) continue;
      flag.help = option->get_description();
      flag.takes_value = option->get_items_expected_min() > 0;
      std::string choices = option->get_type_name();
      while (choices.find('|') != std::string::npos) {
        const std::size_t end = choices.find('|');
        flag.choices.push_back(choices.substr(0, end));
        choices.erase(0, end + 1);
        if (choices.find('|') == std::string::npos) flag.choices.push_back(choices);
      }
      // FILE|NAME are kinds of values, not values.
      if (!flag.choices.empty() &&
          flag.choices.front().find_first_of("abcdefghijklmnopqrstuvwxyz") == std::string::npos) {
        flag.choices.clear();
      }
      command.flags.push_back(std::move(flag));
    }
    commands.push_back(std::move(command));
  }
  return commands;
}

void add_completion(CLI::App& app, Console& console) {
  CLI::App& sub = *app.add_subcommand("completion", "Print a completion script for a shell");
  auto shell = std::make_shared<std::string>();
  Command command(sub);
  command.argument("shell", *shell, "bash, zsh or fish", true);
  command.example("source <(jielong completion bash)", "for this shell");
  command.example("jielong completion fish > ~/.config/fish/completions/jielong.fish", "for good");
  command.action([&, shell] { console.print(completion_script(*shell, describe_commands(app))); });
}

/// CLI11's words for wrong usage, as a sentence with a fix.
int report_usage(const CLI::App& app, const CLI::ParseError& error, Console& console) {
  if (app.get_subcommands().empty() && app.remaining_size() > 0) {
    console.report("unknown command \"" + app.remaining().front() + "\"", "see jielong --help");
    return kUsage;
  }
  std::string command = "jielong";
  for (const CLI::App* sub : app.get_subcommands()) command += " " + sub->get_name();
  console.report(error.what(), "see " + command + " --help");
  return kUsage;
}

int parse_and_run(CLI::App& app, Console& console, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    if (app.get_subcommands().empty()) console.print(app.help());
    console.flush();
    return 0;
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForAllHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForVersion& version) {
    return app.exit(version);
  } catch (const CLI::ParseError& error) {
    return report_usage(app, error, console);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled && interrupted.load()) {
      std::fflush(stdout);
      return kInterrupted;
    }
    console.report(error);
  } catch (const std::bad_alloc&) {
    console.report("there is not enough memory",
                   "use a smaller model, a smaller --context or --kv-type q8_0");
  } catch (const std::exception& error) {
    console.report(error.what());
  }
  return kError;
}

}  // namespace

int run_program(int argc, char** argv) {
  // A closed pipe or a file-size limit is an error to report, not a reason to die.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  Console console;
  CLI::App app("Jielong (接龍): everything is tokens, and one function continues the chain.",
               "jielong");
  app.set_version_flag("--version", "jielong " JIELONG_VERSION);
  app.require_subcommand(0, 1);
  for (const CommandEntry& entry : kCommands) {
    CLI::App& sub = *app.add_subcommand(entry.name, entry.help);
    Command command(sub);
    entry.add(command, console);
    add_console_flags(sub, console);
  }
  add_completion(app, console);
  app.footer(
      "Every flag has an environment twin: --top-k 20 is JIELONG_TOP_K=20, and the flag wins.\n"
      "JIELONG_ISA chooses the instruction set. `jielong COMMAND --help` tells more.");
  return parse_and_run(app, console, argc, argv);
}

}  // namespace jielong::cli
