#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace jielong::cli {

/// One command under construction: what it takes, and what it does. Every flag gets an
/// environment twin: --top-k is JIELONG_TOP_K, and the flag wins. This is the only place
/// that sees the command-line library.
class Command {
 public:
  /// @param twins false: no environment twins, for settings typed in a chat
  explicit Command(CLI::App& app, bool twins = true) : app_(&app), twins_(twins) {}

  /// Flags that follow are listed under this heading.
  void group(const std::string& title) { group_ = title; }

  /// `names` as "-n,--max-tokens". A flag without a value.
  void flag(const std::string& names, bool& target, const std::string& help);
  /// A flag with a value; what `target` holds is the default. `what` names the value in
  /// the help, in capitals.
  void value(const std::string& names, std::string& target, const std::string& what,
             const std::string& help);
  void value(const std::string& names, std::int64_t& target, const std::string& help);
  void value(const std::string& names, double& target, const std::string& help);
  void value(const std::string& names, std::optional<std::uint64_t>& target,
             const std::string& help);
  /// A flag that may be given several times.
  void values(const std::string& names, std::vector<std::string>& target, const std::string& what,
              const std::string& help);
  /// A flag with one of a few values.
  void choice(const std::string& names, std::string& target,
              const std::vector<std::string>& choices, const std::string& help);
  /// A number, or nothing for `implied`.
  void optional_value(const std::string& names, std::int64_t& target, std::int64_t implied,
                      const std::string& help);

  /// A text, or nothing for `implied`.
  void optional_value(const std::string& names, std::string& target, const std::string& implied,
                      const std::string& what, const std::string& help);

  /// Words without a flag's name, in order of declaration.
  void argument(const std::string& name, std::string& target, const std::string& help,
                bool required = false);
  void arguments(const std::string& name, std::vector<std::string>& target, const std::string& help,
                 bool required = false);

  /// "jielong run smollm2" with what it does, shown at the end of the help.
  void example(const std::string& line, const std::string& what);
  void action(std::function<void()> body);

  /// A command of this command, as "train" of `jielong tokenizer train`; one must be given. Flags
  /// that it does not know are this command's.
  Command subcommand(const std::string& name, const std::string& help);

 private:
  CLI::Option& finish(CLI::Option& option, const std::string& what);

  CLI::App* app_;
  bool twins_;
  std::string group_;
};

/// Sets flags from words, as a chat's /set does: declare(command) says which there are.
/// Throws Error(bad_input) and changes nothing when they do not parse.
void parse_flags(const std::function<void(Command&)>& declare, std::vector<std::string> words);

}  // namespace jielong::cli
