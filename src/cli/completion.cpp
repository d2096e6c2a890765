#include "cli/completion.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace jielong::cli {
namespace {

std::string join(const std::vector<std::string>& words, std::string_view between) {
  std::string joined;
  for (const std::string& word : words) {
    if (!joined.empty()) joined += between;
    joined += word;
  }
  return joined;
}

/// `text` inside single quotes of a shell.
std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string flag_words(const CompletionCommand& command) {
  std::vector<std::string> words;
  for (const CompletionFlag& flag : command.flags) {
    words.insert(words.end(), flag.names.begin(), flag.names.end());
  }
  return join(words, " ");
}

std::string bash(const std::vector<CompletionCommand>& commands) {
  std::vector<std::string> names;
  for (const auto& command : commands) names.push_back(command.name);
  std::string cases, values, models;
  for (const auto& command : commands) {
    cases += fmt::format("    {}) flags='{}' ;;\n", command.name, flag_words(command));
    if (command.takes_model) models += (models.empty() ? "" : "|") + command.name;
    for (const CompletionFlag& flag : command.flags) {
      if (!flag.takes_value) continue;
      std::vector<std::string> patterns;
      for (const auto& name : flag.names) patterns.push_back(command.name + " " + name);
      values += fmt::format("    {}) {} ; return ;;\n", "'" + join(patterns, "'|'") + "'",
                            flag.choices.empty()
                                ? "COMPREPLY=($(compgen -f -- \"$word\"))"
                                : fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$word\"))",
                                              join(flag.choices, " ")));
    }
  }
  return fmt::format(
      R"sh(# bash completion for jielong; load it with: source <(jielong completion bash)
_jielong() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
  local command=${{COMP_WORDS[1]}} flags=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '{0}' -- "$word"))
    return
  fi
  case "$command $previous" in
{1}  esac
  case "$command" in
{2}  esac
  if [ "${{word#-}}" != "$word" ]; then
    COMPREPLY=($(compgen -W "$flags" -- "$word"))
    return
  fi
  case "$command" in
    {3})
      if [ "$COMP_CWORD" -eq 2 ]; then
        COMPREPLY=($(compgen -W "$(jielong list --quiet 2>/dev/null)" -- "$word"))
      fi ;;
  esac
  COMPREPLY+=($(compgen -f -- "$word"))
}}
complete -o filenames -F _jielong jielong
)sh",
      join(names, " "), values, cases, models);
}

std::string zsh(const std::vector<CompletionCommand>& commands) {
  const auto escaped = [](std::string text) {
    for (const char special : {'\\', ':', '[', ']'}) {
      for (std::size_t at = 0; (at = text.find(special, at)) != std::string::npos; at += 2) {
        text.insert(at, 1, '\\');
      }
    }
    return text;
  };
  std::string names, cases;
  for (const auto& command : commands) {
    names += "    " + shell_quoted(command.name + ":" + escaped(command.help)) + "\n";
    cases += fmt::format("    {})\n      _arguments -s \\\n", command.name);
    for (const CompletionFlag& flag : command.flags) {
      for (const std::string& name : flag.names) {
        std::string entry = name + "[" + escaped(flag.help) + "]";
        if (flag.takes_value) {
          entry +=
              flag.choices.empty() ? ":value:_files" : ":value:(" + join(flag.choices, " ") + ")";
        }
        cases += "        " + shell_quoted(entry) + " \\\n";
      }
    }
    cases += command.takes_model ? "        '1:model:_jielong_models' '*:file:_files' ;;\n"
                                 : "        '*:file:_files' ;;\n";
  }
  return fmt::format(R"sh(#compdef jielong
# zsh completion for jielong; load it with: source <(jielong completion zsh)
_jielong_models() {{
  local -a models
  models=(${{(f)"$(jielong list --quiet 2>/dev/null)"}})
  compadd -a models
  _files
}}
_jielong() {{
  local -a commands
  commands=(
{}  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
{}  esac
}}
if [ "$funcstack[1]" = _jielong ]; then _jielong "$@"; else compdef _jielong jielong; fi
)sh",
                     names, cases);
}

std::string fish(const std::vector<CompletionCommand>& commands) {
  std::string script =
      "# fish completion for jielong; load it with: jielong completion fish | source\n";
  for (const auto& command : commands) {
    script += fmt::format("complete -c jielong -n __fish_use_subcommand -f -a {} -d {}\n",
                          command.name, shell_quoted(command.help));
    const std::string here =
        fmt::format("complete -c jielong -n '__fish_seen_subcommand_from {}'", command.name);
    if (command.takes_model) {
      script += here + " -a '(jielong list --quiet 2>/dev/null)'\n";
    }
    for (const CompletionFlag& flag : command.flags) {
      script += here;
      for (const std::string& name : flag.names) {
        script += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (flag.takes_value) script += " -r";
      if (!flag.choices.empty()) script += " -f -a " + shell_quoted(join(flag.choices, " "));
      script += " -d " + shell_quoted(flag.help) + "\n";
    }
  }
  return script;
}

}  // namespace

std::string completion_script(const std::string& shell,
                              const std::vector<CompletionCommand>& commands) {
  if (shell == "bash") return bash(commands);
  if (shell == "zsh") return zsh(commands);
  if (shell == "fish") return fish(commands);
  throw bad_input("no completion for \"" + shell + "\"", "completion", "use bash, zsh or fish");
}

}  // namespace jielong::cli
