#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "base/json.h"
#include "cli/run_program.h"
#include "serve/raw_client.h"

namespace jielong::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// The program serving in a thread, until it is told to stop.
class Served {
 public:
  explicit Served(std::vector<std::string> flags) {
    std::vector<std::string> words{"serve", "--port", "0", "--json"};
    words.insert(words.end(), flags.begin(), flags.end());
    thread_ = std::thread([this, words] { outcome_ = program_.run(words); });
    for (int i = 0; i < 3000 && address_.is_null(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      const auto out = program_.folder() / "out";
      if (!std::filesystem::exists(out)) continue;
      const std::string text = read_file(out);
      if (text.ends_with("}\n")) address_ = parse_json(text, "standard output");
    }
  }
  ~Served() {
    if (thread_.joinable()) stop(SIGKILL);
  }

  int port() const { return address_.at("port").get<int>(); }
  Outcome stop(int signal) {
    if (!address_.is_null()) ::kill(address_.at("pid").get<pid_t>(), signal);
    thread_.join();
    return outcome_;
  }

 private:
  Program program_;
  std::thread thread_;
  Outcome outcome_;
  Json address_;
};

TEST(Serve, AnswersUntilItIsToldToStop) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Served served({});
    RawClient client(served.port());
    client.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_THAT(client.response(), HasSubstr("\"status\":\"ok\""));
    client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_THAT(client.response(), HasSubstr("text/html"));
    const Outcome outcome = served.stop(signal);
    EXPECT_EQ(outcome.code, 0);
    EXPECT_THAT(outcome.error, HasSubstr("GET \"/health\" 200"));
    EXPECT_THAT(outcome.error, HasSubstr("jielong pull smollm2"));
  }
}

TEST(Serve, RefusesWithASentenceThatNamesTheFix) {
  Program program;
  Outcome outcome = program.run({"serve", "--port", "0", "--host", "0.0.0.0"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.error, HasSubstr("fix: give it keys with --api-key FILE"));
  outcome = program.run({"serve", "no-such-model", "--port", "0"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.error, StartsWith("error: "));
  outcome = program.run({"serve", "--port", "0", "--api-key", "sk-mistaken"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.error, Not(HasSubstr("sk-mistaken")));
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--memory", "lots"},
                                                {"--keep-alive", "5 years"},
                                                {"--parallel", "0"},
                                                {"--port", "70000"},
                                                {"--drain", "x"}}) {
    std::vector<std::string> words{"serve"};
    words.insert(words.end(), wrong.begin(), wrong.end());
    EXPECT_EQ(program.run(words).code, 1) << wrong.front();
  }
}

TEST(Serve, TakesKeysFromTheEnvironment) {
  Program program;
  program.environment["JIELONG_API_KEY"] = "one-key";
  program.interrupt = true;
  const Outcome outcome = program.run({"serve", "--port", "0", "--host", "0.0.0.0", "--quiet"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, StartsWith("http://localhost:"));
  EXPECT_EQ(outcome.error, "");
}

}  // namespace
}  // namespace jielong::test
