#include <gtest/gtest.h>

#include "generate/fake_runner.h"
#include "generate/generator.h"
#include "generate/letter_tokenizer.h"

namespace jielong {
namespace {

/// Continues "a" and the first half of 中 by its second half.
std::string second_half(std::int64_t continued_tokens) {
  const LetterTokenizer tokenizer({"\xE4\xB8", "\xAD"});
  FakeRunner runner(tokenizer.vocabulary().size());
  const Token half = 26;
  GenerateOptions options;
  options.max_tokens = 1;
  options.sampling.logit_bias = {{half + 1, 1000.0F}};
  options.continued_tokens = continued_tokens;
  const std::vector<Token> prompt{0, half};
  return generate(runner, &tokenizer, prompt, options).chains.front().text;
}

TEST(ContinuedTokens, CompleteTheCharacterTheAnswerBeganWith) {
  EXPECT_EQ(second_half(1), "中");
  EXPECT_EQ(second_half(100), "中");
  EXPECT_EQ(second_half(0), "\xEF\xBF\xBD");
}

TEST(StoppedBy, IsToldWithTheTokenThatStops) {
  const LetterTokenizer tokenizer;
  FakeRunner runner(tokenizer.vocabulary().size());
  GenerateOptions options;
  options.max_tokens = 5;
  options.sampling.logit_bias = {{1, 1000.0F}};
  options.stop = {"x", "bb"};
  std::string stopped_by;
  FinishReason finish = FinishReason::none;
  const std::vector<Token> prompt{0};
  generate(runner, &tokenizer, prompt, options, 1, [&](const TokenEvent& event) {
    stopped_by = event.stopped_by;
    finish = event.finish;
    return true;
  });
  EXPECT_EQ(finish, FinishReason::stop_string);
  EXPECT_EQ(stopped_by, "bb");
}

}  // namespace
}  // namespace jielong
