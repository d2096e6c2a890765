#include "evaluate/exact_match.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "generate/fake_runner.h"
#include "generate/letter_tokenizer.h"

namespace jielong {
namespace {

/// Says the alphabet on from the last letter, and ends after 'f' ("cd" → "ef").
class Alphabet : public FakeRunner {
 public:
  Alphabet(std::int64_t vocabulary, Token end) : FakeRunner(vocabulary, 64), end_(end) {}
  std::vector<float> logits(std::span<const Token> chain) const override {
    std::vector<float> row(static_cast<std::size_t>(vocabulary()), 0);
    row[static_cast<std::size_t>(chain.back() == 'f' - 'a' ? end_ : chain.back() + 1)] = 9;
    return row;
  }

 private:
  Token end_;
};

class ExactMatch : public testing::Test {
 protected:
  LetterTokenizer letters_{{";", " "}};
  Alphabet model_{29, letters_.end};
};

TEST_F(ExactMatch, CountsByGroupAndKeepsMisses) {
  const std::vector<Problem> problems{
      {"ab", "cdef", "2"}, {"c", "def", "1"}, {"c", "de", "1"}, {"e", "fg", "10"}};
  std::int64_t reported = 0;
  const ExactMatchResult result = measure_exact_match(model_, letters_, problems, {.batch = 3},
                                                      [&](std::int64_t done, std::int64_t all) {
                                                        EXPECT_EQ(all, 4);
                                                        reported = done;
                                                      });
  EXPECT_EQ(reported, 4);
  EXPECT_EQ(result.all.hits, 2);
  EXPECT_EQ(result.all.count, 4);
  ASSERT_EQ(result.groups.size(), 3U);
  EXPECT_EQ(result.groups.begin()->first, "1");
  EXPECT_EQ(result.groups.begin()->second.hits, 1);
  EXPECT_EQ(result.groups.at("2").hits, 1);
  // An answer that goes on is wrong, and so is one that ends early.
  ASSERT_EQ(result.misses.size(), 2U);
  EXPECT_EQ(result.misses[0].answer, "def");
  EXPECT_EQ(result.misses[1].answer, "f");
  EXPECT_EQ(model_.open_chains(), 0U);
}

TEST_F(ExactMatch, ComparesFinalAnswersOnly) {
  // The model never says ';', so its whole answer is final.
  const std::vector<Problem> problems{{"c", "xyz;def", ""}};
  EXPECT_EQ(measure_exact_match(model_, letters_, problems).all.hits, 0);
  EXPECT_EQ(measure_exact_match(model_, letters_, problems, {.final_only = true}).all.hits, 1);
}

TEST_F(ExactMatch, StopsWhenAsked) {
  const std::vector<Problem> problems{{"c", "def", ""}};
  std::atomic<bool> cancel{true};
  EXPECT_THROW(measure_exact_match(model_, letters_, problems, {}, {}, &cancel), Error);
  EXPECT_THROW(measure_exact_match(model_, letters_, {}, {}), Error);
  EXPECT_EQ(model_.open_chains(), 0U);
}

}  // namespace
}  // namespace jielong
