#include "train/data/synthetic.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/scratch.h"

namespace jielong {
namespace {

SyntheticSet set_of(SyntheticTask task, std::int64_t count, std::int64_t smallest,
                    std::int64_t largest) {
  SyntheticSet set;
  set.task = task;
  set.count = count;
  set.smallest = smallest;
  set.largest = largest;
  return set;
}

std::set<std::string> prompts(const std::vector<Exercise>& exercises) {
  std::set<std::string> all;
  for (const Exercise& exercise : exercises) all.insert(exercise.prompt);
  return all;
}

TEST(Synthetic, SumsOfThreeDigitsAreAThousand) {
  SyntheticSet set;
  const auto exercises = make_exercises(set);
  EXPECT_EQ(exercises.size(), 1000U);
  EXPECT_EQ(prompts(exercises).size(), 1000U);
  for (const Exercise& e : exercises) {
    const int sum = e.prompt[0] + e.prompt[2] + e.prompt[4] - 3 * '0';
    EXPECT_EQ(std::stoi(e.answer), sum);
    EXPECT_EQ(e.answer.size(), 2U);
  }
}

TEST(Synthetic, TheLecturesTablesAreCounted) {
  EXPECT_EQ(count_tables().at_once, 1000);
  EXPECT_EQ(count_tables().in_steps, 10 * 10 + 19 * 10);
}

TEST(Synthetic, StepsAreThoseOfPaperAndPencil) {
  // The exercises of two digits, found by their prompts.
  const auto answer_of = [](SyntheticTask task, const std::string& prompt) {
    SyntheticSet set = set_of(task, 60'000, 2, 2);
    set.steps = true;
    for (const Exercise& e : make_exercises(set)) {
      if (e.prompt == prompt) return e.answer;
    }
    return std::string("not found");
  };
  EXPECT_EQ(answer_of(SyntheticTask::addition, "57+68="), "7+8+0=15;5+6+1=12;125");
  EXPECT_EQ(answer_of(SyntheticTask::multiplication, "12*34="),
            "2*4=08+0+0=08;1*4=04+0+0=04;2*3=06+4+0=10;1*3=03+0+1=04;0408");
}

TEST(Synthetic, ArithmeticIsRightAtEveryWidth) {
  for (const auto task : {SyntheticTask::addition, SyntheticTask::multiplication}) {
    SyntheticSet set = set_of(task, 300, 1, 5);
    set.width = 6;
    set.steps = true;
    std::map<std::int64_t, int> groups;
    std::set<std::size_t> lengths;
    for (const Exercise& e : make_exercises(set)) {
      const std::int64_t a = std::stoll(e.prompt.substr(0, 6)), b = std::stoll(e.prompt.substr(7));
      const bool adds = task == SyntheticTask::addition;
      const std::string last(final_answer(e.answer));
      EXPECT_EQ(std::stoll(last), adds ? a + b : a * b) << e.prompt;
      EXPECT_EQ(static_cast<std::int64_t>(std::to_string(a).size()), e.group);
      // The last digits of the steps are digits of the answer: the column of the ones first.
      EXPECT_EQ(e.answer[e.answer.find(';') - 1], last.back());
      lengths.insert(e.prompt.size() + e.answer.size());
      ++groups[e.group];
    }
    EXPECT_EQ(groups.size(), 5U);
    EXPECT_EQ(lengths.size(), 1U) << "every digit has its place";
  }
}

TEST(Synthetic, CopyAndRecall) {
  for (const Exercise& e : make_exercises(set_of(SyntheticTask::copy, 50, 3, 9))) {
    EXPECT_EQ(e.prompt, e.answer + "|");
    EXPECT_EQ(static_cast<std::int64_t>(e.answer.size()), e.group);
  }
  for (const Exercise& e : make_exercises(set_of(SyntheticTask::recall, 200, 10, 60))) {
    EXPECT_EQ(static_cast<std::int64_t>(e.prompt.size()), e.group);
    const std::size_t named = e.prompt.find(e.prompt.back());
    ASSERT_LT(named + 2, e.prompt.size()) << e.prompt;
    EXPECT_EQ(e.prompt.substr(named + 1, 1), e.answer) << e.prompt;
  }
}

TEST(Synthetic, PartsShareNoExerciseWhateverTheSeed) {
  SyntheticSet set = set_of(SyntheticTask::addition, 3000, 2, 2);
  set.test_share = 0.3;
  set.part = ExercisePart::train;
  const auto train = prompts(make_exercises(set));
  set.part = ExercisePart::test;
  set.seed = 77;
  const auto test = prompts(make_exercises(set));
  for (const std::string& prompt : test) EXPECT_FALSE(train.contains(prompt));

  SyntheticSet all;
  all.test_share = 0.3;
  all.part = ExercisePart::train;
  const std::size_t learned = make_exercises(all).size();
  all.part = ExercisePart::test;
  EXPECT_EQ(learned + make_exercises(all).size(), 1000U);
  EXPECT_NEAR(static_cast<double>(learned), 700, 60);
}

TEST(Synthetic, TheSameSeedGivesTheSameExercises) {
  SyntheticSet set = set_of(SyntheticTask::multiplication, 100, 1, 3);
  const auto first = make_exercises(set), again = make_exercises(set);
  set.seed = 2;
  const auto other = make_exercises(set);
  int differing = 0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].prompt, again[i].prompt);
    if (first[i].prompt != other[i].prompt) ++differing;
  }
  EXPECT_GT(differing, 50);
  // These stay what they are: results that were published depend on them.
  EXPECT_EQ(first[0].prompt + first[0].answer, "092*060=005520");
}

TEST(Synthetic, WritesJsonLines) {
  const test::Scratch folder;
  SyntheticSet set;
  write_exercises(make_exercises(set), folder / "set.jsonl");
  std::istringstream lines(read_file(folder / "set.jsonl"));
  std::string line;
  int count = 0;
  while (std::getline(lines, line)) {
    const Json json = parse_json(line, "line");
    EXPECT_EQ(json.at("text").get<std::string>(),
              json.at("prompt").get<std::string>() + json.at("answer").get<std::string>());
    ++count;
  }
  EXPECT_EQ(count, 1000);
}

TEST(Synthetic, SaysWhatIsWrong) {
  EXPECT_THROW(synthetic_task("division", "set"), Error);
  EXPECT_THROW(make_exercises(set_of(SyntheticTask::addition, 0, 1, 2)), Error);
  EXPECT_THROW(make_exercises(set_of(SyntheticTask::addition, 1, 3, 2)), Error);
  EXPECT_THROW(make_exercises(set_of(SyntheticTask::addition, 1, 1, 19)), Error);
  EXPECT_THROW(make_exercises(set_of(SyntheticTask::multiplication, 1, 1, 10)), Error);
  EXPECT_THROW(make_exercises(set_of(SyntheticTask::recall, 1, 5, 20)), Error);
  SyntheticSet narrow = set_of(SyntheticTask::addition, 1, 1, 3);
  narrow.width = 2;
  EXPECT_THROW(make_exercises(narrow), Error);
  SyntheticSet none = set_of(SyntheticTask::addition, 1, 1, 3);
  none.test_share = 0;
  none.part = ExercisePart::test;
  EXPECT_THROW(make_exercises(none), Error);
}

}  // namespace
}  // namespace jielong
