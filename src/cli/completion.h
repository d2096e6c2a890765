#pragma once

#include <string>
#include <vector>

namespace jielong::cli {

/// What a shell may offer: the program's commands with their flags.
struct CompletionFlag {
  std::vector<std::string> names;  ///< "-n", "--max-tokens"
  std::string help;                ///< first sentence
  bool takes_value = false;
  std::vector<std::string> choices;  ///< of the value; empty: files
};
struct CompletionCommand {
  std::string name, help;
  bool takes_model = false;  ///< its first argument is a model's name
  std::vector<CompletionFlag> flags;
};

/// The completion script for "bash", "zsh" or "fish". Models are completed by asking
/// `jielong list --quiet`. Throws Error(bad_input) for another shell.
std::string completion_script(const std::string& shell,
                              const std::vector<CompletionCommand>& commands);

}  // namespace jielong::cli
