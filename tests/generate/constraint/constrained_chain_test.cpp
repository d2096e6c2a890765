// Chains under a constraint: what they say, what the trace shows, how they end.

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "base/error.h"
#include "generate/beam_search.h"
#include "generate/constraint/grammar.h"
#include "generate/fake_runner.h"
#include "generate/generator.h"
#include "generate/letter_tokenizer.h"

namespace jielong {
namespace {

struct Fixture {
  LetterTokenizer tokenizer{{"ab", "cde", "yz"}};
  FakeRunner runner{tokenizer.vocabulary().size(), 256, 3};
  std::shared_ptr<const TokenTrie> trie = TokenTrie::of(tokenizer);
  std::vector<Token> prompt = {0, 1, 2};

  GenerateOptions options(const char* regex) const {
    GenerateOptions options;
    options.constraint = constrain(Grammar::from_regex(regex), trie);
    options.max_tokens = 100;
    return options;
  }
  std::vector<ChainResult> run(const GenerateOptions& options, std::int64_t n = 1) {
    return generate(runner, &tokenizer, prompt, options, n).chains;
  }
};

TEST(ConstrainedChain, SaysWhatTheConstraintAllows) {
  Fixture f;
  const auto grammar = Grammar::from_regex("(ab|cd){3}e*z");
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    GenerateOptions options = f.options("(ab|cd){3}e*z");
    options.seed = seed;
    const ChainResult result = f.run(options).front();
    if (result.finish == FinishReason::length) continue;
    EXPECT_EQ(result.finish, FinishReason::end_token);
    EXPECT_TRUE(grammar->matches(result.text)) << result.text;
    EXPECT_EQ(result.tokens.back(), f.tokenizer.end);
  }
}

TEST(ConstrainedChain, EachOfSeveralChainsHasItsOwnState) {
  Fixture f;
  GenerateOptions options = f.options("[a-m]{4}|[n-z]{6}");
  options.sampling.temperature = 2;
  for (const ChainResult& result : f.run(options, 12)) {
    EXPECT_TRUE(Grammar::from_regex("[a-m]{4}|[n-z]{6}")->matches(result.text)) << result.text;
  }
}

TEST(ConstrainedChain, TraceAndLogprobs) {
  Fixture f;
  GenerateOptions options = f.options("abc");
  options.trace_top = 3;
  options.logprobs = 2;
  Generator generator(f.runner, &f.tokenizer);
  generator.add(f.prompt, options);
  bool first = true;
  generator.run([&](const TokenEvent& event) {
    if (first) {
      EXPECT_EQ(event.trace->steps.at(0).sampler, "model");
      EXPECT_EQ(event.trace->steps.at(0).survivors, f.tokenizer.vocabulary().size());
      EXPECT_EQ(event.trace->steps.at(1).sampler, "regex");
      EXPECT_EQ(event.trace->steps.at(1).survivors, 2);  // "a" and "ab"
      // The log-probability is the model's own, not that of a foregone conclusion.
      double sum = 0;
      const auto row = f.runner.logits(f.prompt);
      for (const float logit : row) sum += std::exp(static_cast<double>(logit));
      const auto chosen = static_cast<std::size_t>(event.token);
      EXPECT_NEAR(event.logprob, static_cast<double>(row[chosen]) - std::log(sum), 1e-5);
    }
    first = false;
    return true;
  });
  EXPECT_EQ(generator.result(0).text, "abc");
}

TEST(ConstrainedChain, EndWaitsUntilTheTextMayEnd) {
  Fixture f;
  GenerateOptions options = f.options("a{20}");
  options.sampling.logit_bias = {{f.tokenizer.end, 100.0F}};
  EXPECT_EQ(f.run(options).front().text, std::string(20, 'a'));
}

TEST(ConstrainedChain, IgnoreEndStopsWhereNothingMayFollow) {
  Fixture f;
  GenerateOptions options = f.options("ab?c");
  options.ignore_end = true;
  const ChainResult result = f.run(options).front();
  EXPECT_EQ(result.finish, FinishReason::end_token);
  EXPECT_TRUE(result.text == "abc" || result.text == "ac") << result.text;
  // And goes on as long as something may.
  options = f.options("a*");
  options.ignore_end = true;
  EXPECT_EQ(f.run(options).front().finish, FinishReason::length);
  EXPECT_EQ(f.run(options).front().text, std::string(100, 'a'));
  options = f.options("");
  options.ignore_end = true;
  EXPECT_EQ(f.run(options).front().finish, FinishReason::end_token);
}

TEST(ConstrainedChain, OwnEndTokensTakeTheVocabularysPlace) {
  Fixture f;
  GenerateOptions options = f.options("a+");
  const Token z = 25;
  options.end_tokens = {z};
  options.sampling.logit_bias = {{f.tokenizer.end, 100.0F}, {z, 50.0F}};
  const ChainResult result = f.run(options).front();
  EXPECT_EQ(result.text, "a");
  EXPECT_EQ(result.tokens.back(), z);
}

TEST(ConstrainedChain, DraftsDoNotChangeTheText) {
  Fixture f;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    GenerateOptions options = f.options("((ab|cde|yz)[a-f]?){8,12}");
    options.seed = seed;
    const ChainResult plain = f.run(options).front();
    options.drafter = [] { return make_lookup_drafter(3, 1); };
    EXPECT_EQ(f.run(options).front().tokens, plain.tokens);
    // Drafts that break the rules are refused: the draft model knows no constraint.
    FakeRunner draft(f.tokenizer.vocabulary().size(), 256, 3);
    options.drafter = [&] {
      ModelDrafterOptions greedy;
      greedy.greedy = true;
      greedy.min_probability = 0;
      return make_model_drafter(draft, f.tokenizer.vocabulary().size(), greedy);
    };
    EXPECT_EQ(f.run(options).front().tokens, plain.tokens);
    options.drafter = [&] {
      ModelDrafterOptions sampled;
      sampled.min_probability = 0;
      sampled.seed = seed;
      return make_model_drafter(draft, f.tokenizer.vocabulary().size(), sampled);
    };
    const std::string text = f.run(options).front().text;
    EXPECT_TRUE(Grammar::from_regex("((ab|cde|yz)[a-f]?){8,12}")->matches(text)) << text;
  }
}

TEST(ConstrainedChain, BeamsHonourIt) {
  Fixture f;
  BeamOptions options;
  options.beams = 4;
  options.results = 4;
  options.max_tokens = 20;
  options.end_tokens = {f.tokenizer.end};
  options.constraint = constrain(Grammar::from_regex("(ab|cd|xy){2}z"), f.trie);
  const auto results = beam_search(f.runner, f.prompt, options);
  ASSERT_EQ(results.size(), 4U);
  for (const BeamResult& result : results) {
    std::string text;
    for (const Token token : result.tokens) {
      if (token != f.tokenizer.end) text += f.tokenizer.bytes(token);
    }
    EXPECT_TRUE(Grammar::from_regex("(ab|cd|xy){2}z")->matches(text)) << text;
  }
  EXPECT_EQ(f.runner.open_chains(), 0U);
}

}  // namespace
}  // namespace jielong
