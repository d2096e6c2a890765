#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "cli/run_program.h"
#include "facade/tiny_model.h"

namespace jielong::test {
namespace {

using testing::HasSubstr;

TEST(CliLimits, AnAnswerWithoutAnEndStopsByItself) {
  Program program;
  const TinyModel model;
  const std::vector<std::string> endless{
      "run", model.path(), "--ignore-end", "--raw", "--context-shift", "--threads", "1", "hello"};
  const Outcome outcome = program.run(endless);
  EXPECT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_THAT(outcome.error, HasSubstr("stopped after 2048 tokens"));
  EXPECT_THAT(outcome.error, HasSubstr("-n"));
  std::vector<std::string> chosen = endless;
  chosen.insert(chosen.end(), {"-n", "7", "--json"});
  const Outcome short_answer = program.run(chosen);
  EXPECT_EQ(parse_json(short_answer.out, "output")["answers"][0]["tokens"].size(), 7U);
  EXPECT_EQ(short_answer.error, "");
}

TEST(CliLimits, AFullContextIsTold) {
  Program program;
  const TinyModel model;
  const Outcome outcome = program.run({"run", model.path(), "--ignore-end", "--raw", "hello"});
  EXPECT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_THAT(outcome.error, HasSubstr("context of"));
  EXPECT_THAT(outcome.error, HasSubstr("--context-shift"));
}

TEST(CliLimits, BeamsKeepToTheContext) {
  Program program;
  const TinyModel model;
  const Outcome outcome = program.run({"run", model.path(), "--raw", "--beams", "2", "abc"});
  EXPECT_EQ(outcome.code, 0) << outcome.error;
}

TEST(CliLimits, ConvertSplits) {
  Program program;
  const TinyModel model;
  const std::string output = (program.folder() / "tiny.gguf").string();
  const std::vector<std::string> words{"convert", model.path(), output, "--split-tensors", "9"};
  const Outcome outcome = program.run(words);
  ASSERT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_THAT(outcome.out, HasSubstr("tiny-00001-of-00003.gguf"));
  const std::string first = (program.folder() / "tiny-00001-of-00003.gguf").string();
  EXPECT_EQ(program.run({"run", first, "-n", "3", "hello"}).code, 0);
  EXPECT_THAT(program.run(words).error, HasSubstr("is there already"));
  for (const char* size : {"2X", "G", "0", "-1M", "99999999999999G"}) {
    const Outcome wrong = program.run({"convert", model.path(), output, "--split-size", size});
    EXPECT_NE(wrong.code, 0) << size;
    EXPECT_THAT(wrong.error, HasSubstr("--split-size")) << size;
  }
}

}  // namespace
}  // namespace jielong::test
