#include "cli/command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <memory>

#include "base/error.h"

namespace jielong::cli {
namespace {

std::string environment_twin(const std::string& long_name) {
  std::string twin = "JIELONG_" + long_name;
  std::transform(twin.begin(), twin.end(), twin.begin(), [](unsigned char c) {
    return c == '-' ? '_' : static_cast<char>(std::toupper(c));
  });
  return twin;
}

}  // namespace

CLI::Option& Command::finish(CLI::Option& option, const std::string& what) {
  if (!group_.empty()) option.group(group_);
  if (!what.empty()) option.type_name(what);
  if (twins_ && !option.get_lnames().empty()) {
    option.envname(environment_twin(option.get_lnames().front()));
  }
  return option;
}

void Command::flag(const std::string& names, bool& target, const std::string& help) {
  finish(*app_->add_flag(names, target, help), "");
}

void Command::value(const std::string& names, std::string& target, const std::string& what,
                    const std::string& help) {
  finish(*app_->add_option(names, target, help), what);
}

void Command::value(const std::string& names, std::int64_t& target, const std::string& help) {
  finish(*app_->add_option(names, target, help)->capture_default_str(), "N");
}

void Command::value(const std::string& names, double& target, const std::string& help) {
  finish(*app_->add_option(names, target, help)->capture_default_str(), "X");
}

void Command::value(const std::string& names, std::optional<std::uint64_t>& target,
                    const std::string& help) {
  finish(*app_->add_option(names, target, help), "N");
}

void Command::values(const std::string& names, std::vector<std::string>& target,
                     const std::string& what, const std::string& help) {
  finish(*app_->add_option(names, target, help)->expected(1)->take_all()->allow_extra_args(false),
         what);
}

void Command::choice(const std::string& names, std::string& target,
                     const std::vector<std::string>& choices, const std::string& help) {
  std::string what;
  for (const std::string& choice : choices) what += (what.empty() ? "" : "|") + choice;
  const auto is_choice = [choices, what](std::string& given) {
    const bool known = std::find(choices.begin(), choices.end(), given) != choices.end();
    return known ? std::string() : "\"" + given + "\" is none of " + what;
  };
  // Without a description, which would be shown behind the choices once more.
  const CLI::Validator validator(is_choice, "");
  finish(*app_->add_option(names, target, help)->check(validator)->capture_default_str(), what);
}

void Command::optional_value(const std::string& names, std::int64_t& target, std::int64_t implied,
                             const std::string& help) {
  CLI::Option& option = *app_->add_flag(names + "{" + std::to_string(implied) + "}", target, help);
  finish(option, "[=N]");
}

void Command::optional_value(const std::string& names, std::string& target,
                             const std::string& implied, const std::string& what,
                             const std::string& help) {
  // The library calls a value that was left out "true", as it would be a flag's.
  const auto take = [&target, implied](const std::string& given) {
    target = given == "true" || given.empty() ? implied : given;
  };
  CLI::Option& option = *app_->add_option_function<std::string>(names, take, help);
  finish(*option.expected(0, 1), "[" + what + "]");
}

void Command::argument(const std::string& name, std::string& target, const std::string& help,
                       bool required) {
  finish(*app_->add_option(name, target, help)->required(required), "");
}

void Command::arguments(const std::string& name, std::vector<std::string>& target,
                        const std::string& help, bool required) {
  finish(*app_->add_option(name, target, help)->required(required), "");
}

void Command::example(const std::string& line, const std::string& what) {
  std::string footer = app_->get_footer();
  if (footer.empty()) footer = "Examples:";
  app_->footer(footer + "\n  " + line + "\n      " + what);
}

void Command::action(std::function<void()> body) { app_->callback(std::move(body)); }

Command Command::subcommand(const std::string& name, const std::string& help) {
  app_->require_subcommand(1);
  CLI::App& sub = *app_->add_subcommand(name, help);
  sub.fallthrough();
  return Command(sub, twins_);
}

void parse_flags(const std::function<void(Command&)>& declare, std::vector<std::string> words) {
  CLI::App app;
  Command command(app, false);
  declare(command);
  std::reverse(words.begin(), words.end());
  try {
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    throw bad_input(error.what());
  }
}

}  // namespace jielong::cli
