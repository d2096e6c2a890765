#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/scratch.h"

namespace jielong::test {

struct Outcome {
  int code = -1;
  std::string out, error;
};

/// Runs the program in a folder of its own: no model, setting or history of the machine
/// reaches it.
class Program {
 public:
  std::map<std::string, std::string> environment;
  /// Sends SIGINT as soon as something was printed.
  bool interrupt = false;

  Outcome run(std::vector<std::string> arguments, const std::string& input = {}) {
    write_file(scratch_ / "in", input);
    write_file(scratch_ / "out", "");
    std::vector<std::string> variables{"HOME=" + scratch_.path().string(),
                                       "PATH=/usr/bin:/bin",
                                       "TERM=xterm-256color",
                                       "XDG_CACHE_HOME=" + (scratch_ / "cache").string(),
                                       "XDG_DATA_HOME=" + (scratch_ / "data").string(),
                                       "HF_HUB_OFFLINE=1"};
    for (const auto& [key, value] : environment) variables.push_back(key + "=" + value);
    for (const char* kept : {"JIELONG_ISA", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"}) {
      if (const char* value = std::getenv(kept))
        variables.push_back(std::string(kept) + "=" + value);
    }
    arguments.insert(arguments.begin(), JIELONG_PROGRAM);
    const pid_t child = ::fork();
    if (child == 0) execute(arguments, variables);
    for (int waited = 0; interrupt && waited < 60'000; waited += 20) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      if (std::filesystem::file_size(scratch_ / "out") == 0) continue;
      ::kill(child, SIGINT);
      break;
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status),
            read_file(scratch_ / "out"), read_file(scratch_ / "error")};
  }

  const Scratch& folder() const { return scratch_; }

 private:
  [[noreturn]] void execute(std::vector<std::string>& arguments,
                            std::vector<std::string>& variables) const {
    const auto redirect = [&](const char* name, int flags, int to) {
      ::dup2(::open((scratch_ / name).c_str(), flags, 0600), to);
    };
    redirect("in", O_RDONLY, STDIN_FILENO);
    redirect("out", O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
    redirect("error", O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
    if (::chdir(scratch_.path().c_str()) != 0) ::_exit(99);
    std::vector<char*> argv, env;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    for (std::string& variable : variables) env.push_back(variable.data());
    argv.push_back(nullptr);
    env.push_back(nullptr);
    ::execve(JIELONG_PROGRAM, argv.data(), env.data());
    ::_exit(98);
  }

  Scratch scratch_;
};

}  // namespace jielong::test
