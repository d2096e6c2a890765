#include "generate/chain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "generate/fake_runner.h"
#include "generate/generator.h"
#include "generate/letter_tokenizer.h"

namespace jielong {
namespace {

using testing::ElementsAre;

/// Says a fixed list of tokens, whatever came before: token i after i generated ones.
class ScriptRunner : public FakeRunner {
 public:
  ScriptRunner(std::vector<Token> script, std::int64_t vocabulary, std::size_t prompt = 1)
      : FakeRunner(vocabulary), script_(std::move(script)), prompt_(prompt) {}
  std::vector<float> logits(std::span<const Token> chain) const override {
    std::vector<float> row(static_cast<std::size_t>(vocabulary()), 0.0F);
    const std::size_t at = std::min(chain.size() - prompt_, script_.size() - 1);
    row[static_cast<std::size_t>(script_[at])] = 20;
    return row;
  }

 private:
  std::vector<Token> script_;
  std::size_t prompt_;
};

GenerateOptions greedy(std::int64_t max_tokens) {
  GenerateOptions options;
  options.sampling.temperature = 0;
  options.max_tokens = max_tokens;
  return options;
}

GenerateOptions sampled(std::int64_t max_tokens, std::uint64_t seed = 7) {
  GenerateOptions options;
  options.sampling.temperature = 1;
  options.max_tokens = max_tokens;
  options.seed = seed;
  return options;
}

const std::vector<Token> kPrompt{1, 2, 3, 4, 5};

TEST(Chain, GreedyFollowsTheModel) {
  FakeRunner runner;
  const GenerateResult result = generate(runner, nullptr, kPrompt, greedy(10));
  std::vector<Token> chain = kPrompt;
  for (int i = 0; i < 10; ++i) {
    const std::vector<float> row = runner.logits(chain);
    chain.push_back(static_cast<Token>(std::max_element(row.begin(), row.end()) - row.begin()));
  }
  EXPECT_EQ(result.chains[0].tokens, std::vector<Token>(chain.begin() + 5, chain.end()));
  EXPECT_EQ(result.chains[0].finish, FinishReason::length);
  EXPECT_EQ(runner.open_chains(), 0U);
  EXPECT_EQ(result.stats.prompt_tokens, 5);
  EXPECT_EQ(result.stats.generated_tokens, 10);
}

TEST(Chain, EndTokenEndsAndStaysOutOfTheText) {
  const LetterTokenizer letters;
  ScriptRunner runner({0, 1, letters.end, 2}, 27);
  const auto result = generate(runner, &letters, std::vector<Token>{0}, greedy(10)).chains[0];
  EXPECT_EQ(result.finish, FinishReason::end_token);
  EXPECT_THAT(result.tokens, ElementsAre(0, 1, letters.end));
  EXPECT_EQ(result.text, "ab");
}

TEST(Chain, IgnoreEndForbidsEndTokens) {
  const LetterTokenizer letters;
  ScriptRunner runner({0, letters.end, 2}, 27);
  GenerateOptions options = greedy(6);
  options.ignore_end = true;
  const auto result = generate(runner, &letters, std::vector<Token>{0}, options).chains[0];
  EXPECT_EQ(result.finish, FinishReason::length);
  EXPECT_EQ(result.tokens.size(), 6U);
  EXPECT_EQ(std::count(result.tokens.begin(), result.tokens.end(), letters.end), 0);
}

TEST(Chain, StopTextAcrossTokenBorders) {
  const LetterTokenizer letters;
  ScriptRunner runner({0, 1, 2, 3, 4, 5}, 27);
  GenerateOptions options = greedy(20);
  options.stop = {"xyz", "cde"};
  std::vector<std::string> texts;
  const auto result =
      generate(runner, &letters, std::vector<Token>{0}, options, 1, [&](const TokenEvent& event) {
        texts.emplace_back(event.text);
        return true;
      }).chains[0];
  EXPECT_EQ(result.text, "ab");
  EXPECT_EQ(result.stopped_by, "cde");
  EXPECT_EQ(result.finish, FinishReason::stop_string);
  EXPECT_EQ(result.tokens.size(), 5U);
  EXPECT_THAT(texts, ElementsAre("a", "b", "", "", ""));
}

TEST(Chain, HeldBackTextComesOutAtTheEnd) {
  const LetterTokenizer letters;
  ScriptRunner runner({0, 1, 2, 3}, 27);
  GenerateOptions options = greedy(3);
  options.stop = {"cdx"};
  std::string text;
  const auto result =
      generate(runner, &letters, std::vector<Token>{0}, options, 1, [&](const TokenEvent& event) {
        text += event.text;
        return true;
      }).chains[0];
  EXPECT_EQ(text, "abc");
  EXPECT_EQ(result.text, "abc");
}

TEST(Chain, NeverHalfACharacter) {
  const LetterTokenizer pieces({"\xE5", "\x8F", "\xB0", "大"});  // 台 in three tokens
  ScriptRunner runner({26, 27, 28, 29, pieces.end}, 31);
  std::vector<std::string> texts;
  generate(runner, &pieces, std::vector<Token>{0}, greedy(9), 1, [&](const TokenEvent& event) {
    texts.emplace_back(event.text);
    return true;
  });
  EXPECT_THAT(texts, ElementsAre("", "", "台", "大", ""));
}

TEST(Chain, PrefillChunksDoNotMatter) {
  std::vector<Token> prompt(100);
  for (std::size_t i = 0; i < prompt.size(); ++i) prompt[i] = static_cast<Token>(i % 16);
  std::vector<Token> expected;
  for (const std::int64_t chunk : {1, 7, 100, 512}) {
    FakeRunner runner;
    GenerateOptions options = sampled(20);
    options.prefill_chunk = chunk;
    const auto result = generate(runner, nullptr, prompt, options).chains[0];
    if (expected.empty()) expected = result.tokens;
    EXPECT_EQ(result.tokens, expected);
    EXPECT_EQ(runner.evaluated, 119);
  }
}

TEST(Chain, CompanyDoesNotMatter) {
  FakeRunner alone;
  const auto expected = generate(alone, nullptr, kPrompt, sampled(30)).chains[0].tokens;

  FakeRunner runner;
  Generator generator(runner);
  const std::vector<Token> other{9, 9, 9, 9, 9, 9, 9, 9};
  GenerateOptions slow = sampled(50, 3);
  slow.prefill_chunk = 2;
  generator.add(other, slow, 3);
  generator.step();
  const std::size_t mine = generator.add(kPrompt, sampled(30), 2);
  generator.step();
  generator.add(other, sampled(5, 9));
  generator.run();
  EXPECT_EQ(generator.result(mine).tokens, expected);
  EXPECT_NE(generator.result(mine + 1).tokens, expected);
}

TEST(Chain, ParallelChainsShareThePrompt) {
  FakeRunner runner;
  const GenerateResult result = generate(runner, nullptr, kPrompt, sampled(8), 4);
  EXPECT_EQ(runner.evaluated, 5 + 4 * 7);
  EXPECT_EQ(result.chains.size(), 4U);
  for (const ChainResult& chain : result.chains) EXPECT_EQ(chain.tokens.size(), 8U);
  EXPECT_NE(result.chains[0].tokens, result.chains[1].tokens);
  EXPECT_EQ(runner.open_chains(), 0U);
  FakeRunner again;
  EXPECT_EQ(generate(again, nullptr, kPrompt, sampled(8), 2).chains[1].tokens,
            result.chains[1].tokens);
}

TEST(Chain, ContextFullEndsTheChain) {
  FakeRunner runner(16, 12);
  const auto result = generate(runner, nullptr, kPrompt, sampled(-1)).chains[0];
  EXPECT_EQ(result.finish, FinishReason::context_full);
  EXPECT_EQ(result.tokens.size(), 8U);  // the last one needs no room
}

TEST(Chain, ContextShiftKeepsTheBeginning) {
  FakeRunner runner(16, 12);
  GenerateOptions options = sampled(40);
  options.context_shift = true;
  options.shift_keep = 2;
  Generator generator(runner);
  generator.add(kPrompt, options);
  generator.run();
  EXPECT_EQ(generator.result(0).tokens.size(), 40U);
  const CachedPrefix cache = generator.release(0);
  ASSERT_TRUE(cache.sequence);
  EXPECT_EQ(runner.tokens(*cache.sequence), cache.tokens);
  EXPECT_EQ(cache.tokens[0], 1);
  EXPECT_EQ(cache.tokens[1], 2);
  // The tail is what was said last, but for the final token, which was not evaluated.
  const auto& said = generator.result(0).tokens;
  EXPECT_TRUE(std::equal(cache.tokens.begin() + 2, cache.tokens.end(),
                         said.end() - 1 - static_cast<std::ptrdiff_t>(cache.tokens.size() - 2)));
  runner.close(*cache.sequence);
}

TEST(Chain, LongPromptsAreRefusedUnlessShiftIsAsked) {
  FakeRunner runner(16, 12);
  std::vector<Token> prompt(30, 4);
  prompt[0] = 1;
  try {
    generate(runner, nullptr, prompt, sampled(3));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::limit);
  }
  EXPECT_EQ(runner.open_chains(), 0U);
  GenerateOptions options = sampled(3);
  options.context_shift = true;
  options.shift_keep = 1;
  EXPECT_EQ(generate(runner, nullptr, prompt, options).chains[0].tokens.size(), 3U);
}

TEST(Chain, RefusesEmptyPromptsAndForeignTokens) {
  FakeRunner runner;
  EXPECT_THROW(generate(runner, nullptr, {}, sampled(3)), Error);
  EXPECT_THROW(generate(runner, nullptr, std::vector<Token>{16}, sampled(3)), Error);
  EXPECT_THROW(generate(runner, nullptr, std::vector<Token>{-1}, sampled(3)), Error);
  EXPECT_THROW(generate(runner, nullptr, kPrompt, sampled(3), 0), Error);
  EXPECT_EQ(runner.open_chains(), 0U);
}

TEST(Chain, ZeroTokensEvaluateNothing) {
  FakeRunner runner;
  const GenerateResult result = generate(runner, nullptr, kPrompt, sampled(0), 2);
  EXPECT_EQ(runner.evaluations, 0);
  EXPECT_EQ(result.chains[0].finish, FinishReason::length);
  EXPECT_EQ(result.chains[1].finish, FinishReason::length);
}

TEST(Chain, ACallbackCanCancel) {
  const LetterTokenizer letters;
  ScriptRunner runner({0, 1, 2}, 27);
  GenerateOptions options = greedy(20);
  options.stop = {"ccx"};
  std::string text;
  const auto result =
      generate(runner, &letters, std::vector<Token>{0}, options, 1, [&](const TokenEvent& event) {
        text += event.text;
        return event.token != 2;
      }).chains[0];
  EXPECT_EQ(result.finish, FinishReason::cancelled);
  EXPECT_THAT(result.tokens, ElementsAre(0, 1, 2));
  EXPECT_EQ(text, "abc");
}

TEST(Chain, AFlagCancels) {
  FakeRunner runner;
  std::atomic<bool> cancel{false};
  const GenerateResult result = generate(
      runner, nullptr, kPrompt, sampled(1000), 2,
      [&](const TokenEvent& event) {
        if (event.chain == 1) cancel = true;
        return true;
      },
      &cancel);
  EXPECT_EQ(result.chains[0].finish, FinishReason::cancelled);
  EXPECT_EQ(result.chains[1].finish, FinishReason::cancelled);
  EXPECT_EQ(result.chains[0].tokens.size(), 1U);
}

TEST(Chain, LogprobsAreTheModelsOwn) {
  FakeRunner runner;
  GenerateOptions options = greedy(4);
  options.logprobs = 3;
  options.trace_top = 5;
  std::int64_t traced = 0;
  const auto result = generate(runner, nullptr, kPrompt, options, 1, [&](const TokenEvent& event) {
                        traced += event.trace != nullptr;
                        EXPECT_EQ(event.trace->steps.front().survivors, 16);
                        EXPECT_EQ(event.trace->chosen.token, event.token);
                        EXPECT_EQ(event.top_logprobs.size(), 3U);
                        return true;
                      }).chains[0];
  EXPECT_EQ(traced, 4);
  ASSERT_EQ(result.logprobs.size(), 4U);
  Distribution d;
  d.assign(runner.logits(kPrompt));
  EXPECT_NEAR(result.logprobs[0], std::log(d.probability(result.tokens[0])), 1e-6);
  EXPECT_EQ(result.top_logprobs[0][0].token, result.tokens[0]);
  EXPECT_NEAR(result.top_logprobs[0][0].logprob, result.logprobs[0], 1e-9);
  EXPECT_GT(result.top_logprobs[0][0].logprob, result.top_logprobs[0][1].logprob);
}

TEST(Chain, ACachedPrefixIsNotEvaluatedAgain) {
  FakeRunner runner;
  Generator first(runner);
  first.add(kPrompt, sampled(6));
  first.run();
  std::vector<Token> longer = kPrompt;
  const auto said = first.result(0).tokens;
  longer.insert(longer.end(), said.begin(), said.end());
  longer.push_back(3);

  FakeRunner fresh;
  const auto expected = generate(fresh, nullptr, longer, sampled(6)).chains[0].tokens;
  runner.evaluated = 0;
  Generator second(runner);
  second.add(longer, sampled(6), 1, first.release(0));
  second.run();
  EXPECT_EQ(second.result(0).tokens, expected);
  EXPECT_EQ(second.stats().reused_tokens, 10);  // all but the last token said and the new one
  EXPECT_EQ(runner.evaluated, 2 + 5);

  // A prompt that parts from the cache early.
  std::vector<Token> other{1, 2, 9};
  const auto alone = generate(fresh, nullptr, other, sampled(6)).chains[0].tokens;
  Generator third(runner);
  third.add(other, sampled(6), 1, second.release(0));
  third.run();
  EXPECT_EQ(third.result(0).tokens, alone);
  EXPECT_EQ(third.stats().reused_tokens, 2);
}

}  // namespace
}  // namespace jielong
