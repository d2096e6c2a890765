#include "evaluate/perplexity.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "generate/distribution.h"
#include "generate/fake_runner.h"
#include "generate/letter_tokenizer.h"

namespace jielong {
namespace {

std::vector<Token> some_tokens(std::size_t count) {
  Rng rng(3);
  std::vector<Token> tokens(count);
  for (Token& token : tokens) token = static_cast<Token>(rng() % 26);
  return tokens;
}

double loss(const FakeRunner& model, std::span<const Token> before, Token token) {
  Distribution d;
  d.assign(model.logits(before));
  return -std::log(d.probability(token));
}

TEST(Perplexity, ScoresTheSecondHalfOfEachWindow) {
  FakeRunner model(27, 64);
  const LetterTokenizer letters;
  const std::vector<Token> tokens = some_tokens(50);
  double sum = 0;
  int count = 0;
  for (std::size_t first : {0U, 16U, 32U}) {
    for (std::size_t i = 9; i < 16; ++i) {  // as llama.cpp: behind the middle
      sum += loss(model, std::span(tokens).subspan(first, i), tokens[first + i]);
      ++count;
    }
  }
  int reports = 0;
  const PerplexityResult result = measure_perplexity(
      model, letters, tokens, {.window = 16}, [&](const PerplexityResult&, std::int64_t windows) {
        EXPECT_EQ(windows, 3);
        ++reports;
      });
  EXPECT_EQ(result.scored_tokens, count);
  EXPECT_EQ(reports, 3);
  EXPECT_NEAR(result.nats_per_token, sum / count, 1e-6);
  EXPECT_NEAR(result.perplexity, std::exp(sum / count), 1e-4);
  // Letters are one byte each.
  EXPECT_NEAR(result.bits_per_byte, sum / count / std::log(2.0), 1e-6);
  EXPECT_EQ(model.open_chains(), 0U);
}

TEST(Perplexity, OverlappingWindowsScoreEveryTokenOnce) {
  FakeRunner model(27, 64);
  const LetterTokenizer letters;
  const PerplexityResult result =
      measure_perplexity(model, letters, some_tokens(48), {.window = 16, .stride = 4});
  EXPECT_EQ(result.windows, 9);
  EXPECT_EQ(result.scored_tokens, 7 + 8 * 4);
}

TEST(Perplexity, ChecksItsInput) {
  FakeRunner model(27, 64);
  const LetterTokenizer letters;
  EXPECT_THROW(measure_perplexity(model, letters, some_tokens(10), {.window = 16}), Error);
  EXPECT_THROW(measure_perplexity(model, letters, some_tokens(100), {.window = 65}), Error);
  EXPECT_THROW(measure_perplexity(model, letters, some_tokens(100), {.window = 8, .stride = 9}),
               Error);
  std::atomic<bool> cancel{true};
  EXPECT_THROW(measure_perplexity(model, letters, some_tokens(100), {.window = 8}, {}, &cancel),
               Error);
  EXPECT_EQ(model.open_chains(), 0U);
}

}  // namespace
}  // namespace jielong
