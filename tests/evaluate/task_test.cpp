#include "evaluate/task.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"

namespace jielong {
namespace {

std::string problem_with(const std::string& lines) {
  try {
    parse_problems(lines, "task.jsonl");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Task, ReadsLines) {
  const auto problems = parse_problems(
      "{\"prompt\": \"1+1=\", \"answer\": \"2\", \"group\": 1}\n\n"
      "{\"prompt\": \"你\", \"answer\": \"\", \"group\": \"zh\", \"more\": []}\r\n"
      "{\"prompt\": \"x\", \"answer\": \"y\"}",
      "task.jsonl");
  ASSERT_EQ(problems.size(), 3U);
  EXPECT_EQ(problems[0].group, "1");
  EXPECT_EQ(problems[1].prompt, "你");
  EXPECT_EQ(problems[1].group, "zh");
  EXPECT_EQ(problems[2].group, "");
}

TEST(Task, ReadsFieldsOfOtherNames) {
  const auto problems =
      parse_problems(R"({"q": "1", "a": "2", "kind": 7})", "task.jsonl", {"q", "a", "kind"});
  EXPECT_EQ(problems[0].answer, "2");
  EXPECT_EQ(problems[0].group, "7");
}

TEST(Task, NamesTheLineAndWhatIsWrong) {
  EXPECT_NE(problem_with("{\"prompt\":\"a\",\"answer\":\"b\"}\n{").find("task.jsonl:2"),
            std::string::npos);
  EXPECT_NE(problem_with("[]").find("not a JSON object"), std::string::npos);
  EXPECT_NE(problem_with(R"({"prompt": "a"})").find("\"answer\""), std::string::npos);
  EXPECT_NE(problem_with(R"({"prompt": 1, "answer": "b"})").find("\"prompt\""), std::string::npos);
  EXPECT_NE(problem_with(R"({"prompt": "", "answer": "b"})").find("empty"), std::string::npos);
  EXPECT_NE(problem_with(R"({"prompt": "a", "answer": "b", "group": 1.5})").find("group"),
            std::string::npos);
  EXPECT_NE(problem_with("\n\n").find("no problems"), std::string::npos);
}

TEST(Task, OrdersGroupsByNumber) {
  std::vector<std::string> groups{"b", "10", "9", "a", "-1"};
  std::sort(groups.begin(), groups.end(), group_before);
  EXPECT_EQ(groups, (std::vector<std::string>{"-1", "9", "10", "a", "b"}));
}

}  // namespace
}  // namespace jielong
