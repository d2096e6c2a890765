#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/scratch.h"
#include "facade/tiny_model.h"

namespace jielong::test {
namespace {

using testing::HasSubstr;

/// The program in a terminal of its own.
class Conversation {
 public:
  explicit Conversation(std::vector<std::string> flags = {}) {
    std::vector<std::string> words{JIELONG_PROGRAM, "run", model_.path(), "--seed", "1"};
    words.insert(words.end(), flags.begin(), flags.end());
    winsize size{30, 100, 0, 0};
    child_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
    if (child_ == 0) {
      ::setenv("XDG_DATA_HOME", (scratch_ / "data").c_str(), 1);
      ::setenv("HOME", scratch_.path().c_str(), 1);
      ::setenv("TERM", "xterm-256color", 1);
      ::unsetenv("LANG");
      ::unsetenv("LC_ALL");
      if (::chdir(scratch_.path().c_str()) != 0) ::_exit(99);
      std::vector<char*> argv;
      for (std::string& word : words) argv.push_back(word.data());
      argv.push_back(nullptr);
      ::execv(JIELONG_PROGRAM, argv.data());
      ::_exit(98);
    }
  }
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;
  ~Conversation() {
    ::close(terminal_);
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
  }

  void send(const std::string& keys) {
    ASSERT_EQ(::write(terminal_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }

  /// Waits until the terminal shows `text` after what was expected before.
  testing::AssertionResult shows(const std::string& text) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(40);
    for (;;) {
      const std::size_t at = screen_.find(text);
      if (at != std::string::npos) {
        screen_.erase(0, at + text.size());
        return testing::AssertionSuccess();
      }
      pollfd wait{terminal_, POLLIN, 0};
      char buffer[4096];
      const auto now = std::chrono::steady_clock::now();
      const ssize_t count = now < deadline && ::poll(&wait, 1, 1000) >= 0
                                ? (wait.revents != 0 ? ::read(terminal_, buffer, sizeof buffer) : 0)
                                : -1;
      if (count < 0) {
        return testing::AssertionFailure() << "never saw " << text << ", but: " << screen_;
      }
      screen_.append(buffer, static_cast<std::size_t>(count));
    }
  }

  /// Waits for the end and returns the exit code; -1 when it does not come.
  int finish() {
    shows("a text that never comes");  // drains the terminal until it is closed
    int status = 0;
    for (int wait = 0; ::waitpid(child_, &status, WNOHANG) == 0; ++wait) {
      if (wait == 100) return -1;
      ::usleep(100000);
    }
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }

  const Scratch& folder() const { return scratch_; }

 private:
  Scratch scratch_;
  TinyModel model_;
  int terminal_ = -1;
  pid_t child_ = -1;
  std::string screen_;
};

TEST(Repl, AnswersAndLeaves) {
  Conversation talk({"-n", "6", "--ignore-end"});
  ASSERT_TRUE(talk.shows(">>> "));
  talk.send("hello\n");
  ASSERT_TRUE(talk.shows(">>> "));
  talk.send("/history\n");
  EXPECT_TRUE(talk.shows("user:"));
  EXPECT_TRUE(talk.shows("hello"));
  EXPECT_TRUE(talk.shows("assistant:"));
  talk.send("/exit\n");
  EXPECT_EQ(talk.finish(), 0);
  EXPECT_EQ(read_file(talk.folder() / "data/jielong/history"), "hello\n/history\n/exit\n");
}

TEST(Repl, CtrlCStopsTheAnswerAndNotTheProgram) {
  Conversation talk({"-n", "-1", "--ignore-end", "--context-shift"});
  ASSERT_TRUE(talk.shows(">>> "));
  talk.send("hello\n");
  ASSERT_TRUE(talk.shows("hello"));
  ::usleep(600000);
  talk.send("\x03");
  EXPECT_TRUE(talk.shows("(stopped)"));
  ASSERT_TRUE(talk.shows(">>> "));
  talk.send("half a line\x03");
  EXPECT_TRUE(talk.shows("Ctrl-D or /exit leaves"));
  ASSERT_TRUE(talk.shows(">>> "));
  talk.send("\x04");
  EXPECT_EQ(talk.finish(), 0);
}

TEST(Repl, SettingsAndMistakes) {
  Conversation talk({"-n", "3"});
  ASSERT_TRUE(talk.shows(">>> "));
  talk.send("/set temp 0\n");
  EXPECT_TRUE(talk.shows("temperature 0 (greedy)"));
  talk.send("/set top_p 3\n");
  EXPECT_TRUE(talk.shows("error:"));
  talk.send("/set nonsense 3\n");
  EXPECT_TRUE(talk.shows("fix:"));
  talk.send("/set ignore-end true\n");
  EXPECT_TRUE(talk.shows("END forbidden"));
  talk.send("/set ignore-end false\n");
  EXPECT_TRUE(talk.shows("greedy"));
  talk.send("/nonsense\n");
  EXPECT_TRUE(talk.shows("unknown command /nonsense"));
  talk.send("/regen\n");
  EXPECT_TRUE(talk.shows("error:"));
  talk.send("/dice 4\n");
  EXPECT_TRUE(talk.shows("drawing 4"));
  talk.send("abc\n");
  EXPECT_TRUE(talk.shows("model (80)"));
  talk.send("/ex\t\n");
  EXPECT_EQ(talk.finish(), 0);
}

TEST(Repl, LongerTextsInThreeWays) {
  Conversation talk({"-n", "2", "--ignore-end"});
  ASSERT_TRUE(talk.shows(">>> "));
  talk.send("\"\"\"one\ntwo\n\"\"\"\n");
  talk.send("three \\\nfour\n");
  talk.send("\x1b[200~five\nsix 貼上\x1b[201~\n");
  talk.send("/save chat.json\n");
  EXPECT_TRUE(talk.shows("saved to"));
  talk.send("/clear\n/load chat.json\n");
  EXPECT_TRUE(talk.shows("(6 messages)"));
  talk.send("/undo\n");
  EXPECT_TRUE(talk.shows("taken back: five"));
  talk.send("/exit\n");
  EXPECT_EQ(talk.finish(), 0);
  const std::string chat = read_file(talk.folder() / "chat.json");
  for (const char* text : {R"("one\ntwo")", R"("three \nfour")", R"("five\nsix 貼上")"}) {
    EXPECT_THAT(chat, HasSubstr(text));
  }
}

}  // namespace
}  // namespace jielong::test
