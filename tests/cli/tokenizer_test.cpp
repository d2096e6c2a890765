#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/file.h"
#include "base/json.h"
#include "base/scratch.h"
#include "cli/run_program.h"
#include "token/tokenizer_json.h"

namespace jielong::test {
namespace {

using testing::HasSubstr;

struct TokenizerCommand : testing::Test {
  void SetUp() override {
    write_file(scratch / "a.jsonl",
               "{\"text\": \"the cat and the dog\"}\n{\"text\": \"the cat\"}\n");
    write_file(scratch / "broken.jsonl", "{\"text\": \"fine\"}\n{\"text\": \n");
  }
  Outcome train(std::vector<std::string> more) {
    std::vector<std::string> words{"tokenizer", "train", "-o", (scratch / "out").string()};
    words.insert(words.end(), more.begin(), more.end());
    return program.run(words);
  }
  std::string file(const std::string& name) { return (scratch / name).string(); }

  Scratch scratch;
  Program program;
};

TEST_F(TokenizerCommand, LearnsWritesAndReports) {
  const Outcome outcome = train({file("a.jsonl"), "-n", "262", "--chat", "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.error;
  const Json report = parse_json(outcome.out, "standard output");
  EXPECT_EQ(report["tokens"], 262);
  EXPECT_EQ(report["documents"], 2);
  const std::string config = read_file(scratch / "out/tokenizer_config.json");
  const auto tokenizer =
      tokenizer_from_json(read_file(scratch / "out/tokenizer.json"), "tokenizer.json", config);
  EXPECT_EQ(tokenizer->vocabulary().size(), 262);
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("the dog")), "the dog");
  EXPECT_THAT(config, HasSubstr("chat_template"));

  const Outcome again = train({file("a.jsonl"), "-n", "262"});
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.error, HasSubstr("--force"));
  EXPECT_EQ(train({file("a.jsonl"), "-n", "300", "--kind", "unigram", "--force"}).code, 0);
}

TEST_F(TokenizerCommand, SaysWhatIsWrong) {
  EXPECT_THAT(train({file("broken.jsonl")}).error, HasSubstr("broken.jsonl:2"));
  EXPECT_THAT(train({file("none.txt")}).error, HasSubstr("none.txt"));
  EXPECT_THAT(train({file("a.jsonl"), "-n", "10"}).error, HasSubstr("ask for"));
  EXPECT_EQ(program.run({"tokenizer", "train", file("a.jsonl")}).code, 1);
  EXPECT_EQ(program.run({"tokenizer"}).code, 2);
  EXPECT_EQ(train({file("a.jsonl"), "--kind", "wordpiece"}).code, 2);
}

}  // namespace
}  // namespace jielong::test
