#include "generate/scheduler/batcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "generate/scheduler/bench.h"

namespace jielong {
namespace {

using testing::Each;
using testing::Le;

TEST(Batcher, SameBytesWhateverTheCompany) {
  PagedRunner runner;
  SchedulerOptions scheduler;
  scheduler.prefill_rows = 48;
  Bench bench(runner, scheduler);
  struct Case {
    std::vector<Token> prompt;
    GenerateOptions options;
    std::int64_t n;
  };
  std::vector<Case> cases;
  for (std::uint64_t i = 0; i < 12; ++i) {
    Case c{prompt_of(3 + 37 * i, i % 3), sampled(5 + 9 * static_cast<std::int64_t>(i % 5), i), 1};
    if (i % 4 == 1) c.n = 3;
    if (i % 4 == 2) c.options.drafter = [] { return make_lookup_drafter(3, 1); };
    if (i % 4 == 3) c.options.prefill_chunk = 5;
    cases.push_back(std::move(c));
  }
  for (const Case& c : cases) {
    bench.add(c.prompt, c.options, c.n);
    bench.step();
  }
  bench.run();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto expected = alone(cases[i].prompt, cases[i].options, cases[i].n);
    EXPECT_EQ(bench[i].tokens, expected) << i;
    EXPECT_EQ(bench[i].ends, 1);
    EXPECT_FALSE(bench[i].result.error);
    ASSERT_EQ(bench[i].result.chains.size(), expected.size());
    for (std::size_t c = 0; c < expected.size(); ++c) {
      EXPECT_EQ(bench[i].result.chains[c].tokens, expected[c]);
    }
  }
  bench.batcher.prefixes().clear();
  EXPECT_EQ(runner.open_chains(), 0U);
  EXPECT_EQ(runner.used_blocks(), 0U);
}

TEST(Batcher, ALongPromptHoldsNobodyUp) {
  PagedRunner runner;
  SchedulerOptions options;
  options.prefill_rows = 128;
  Bench bench(runner, options);
  std::vector<std::int64_t> rows;
  runner.before_evaluate = [&](std::span<const Slice> slices) {
    std::int64_t sum = 0;
    for (const Slice& slice : slices) sum += static_cast<std::int64_t>(slice.tokens.size());
    rows.push_back(sum);
  };
  const std::size_t chat = bench.add(prompt_of(20, 1), sampled(100));
  bench.step();
  ASSERT_EQ(bench.tokens(chat), 1U);
  const std::size_t document = bench.add(prompt_of(1500, 2), sampled(5));
  bench.step();
  bench.step();
  const std::size_t before = bench.tokens(chat);
  const std::size_t question = bench.add(prompt_of(60, 3), sampled(5));
  bench.step();
  EXPECT_EQ(bench.tokens(question), 1U) << "the first token comes with the first step";
  EXPECT_EQ(bench.tokens(chat), before + 1) << "a token a step for who was running";
  EXPECT_EQ(bench.tokens(document), 0U);
  int steps = 3;
  while (bench.tokens(document) == 0) {
    const std::size_t said = bench.tokens(chat);
    bench.step();
    ++steps;
    EXPECT_EQ(bench.tokens(chat), said + 1);
  }
  EXPECT_LE(steps, 1500 / (128 - 6) + 3) << "and the document is not held up for long";
  EXPECT_THAT(rows, Each(Le(128)));
}

TEST(Batcher, ShortChatsDoNotStarveALongPrompt) {
  PagedRunner runner;
  SchedulerOptions options;
  options.prefill_rows = 128;
  options.prefix_tokens = 0;
  Bench bench(runner, options);
  const std::size_t document = bench.add(prompt_of(1500, 2), sampled(1));
  int steps = 0;
  for (std::uint64_t i = 0; bench.tokens(document) == 0; ++i, ++steps) {
    // More short prompts than a step has rows for.
    for (std::uint64_t j = 0; j < 4; ++j) bench.add(prompt_of(50, 10 + 4 * i + j), sampled(1));
    bench.step();
    ASSERT_LT(steps, 100);
  }
  EXPECT_LE(steps, 1500 / 64 + 1);
}

TEST(Batcher, ChainsOfOneJobShareThePrompt) {
  PagedRunner runner;
  Bench bench(runner);
  const auto prompt = prompt_of(100);
  bench.add(prompt, sampled(8), 4);
  bench.run();
  EXPECT_EQ(bench[0].tokens, alone(prompt, sampled(8), 4));
  EXPECT_EQ(runner.evaluated, 100 + 4 * 7);
}

TEST(Batcher, OnlySoManyChainsAtOnce) {
  PagedRunner runner;
  SchedulerOptions options;
  options.max_active = 4;
  Bench bench(runner, options);
  std::size_t most = 0;
  runner.before_evaluate = [&](auto slices) { most = std::max(most, slices.size()); };
  for (std::uint64_t i = 0; i < 6; ++i) bench.add(prompt_of(20, i), sampled(9), 1 + i % 3);
  bench.run();
  EXPECT_EQ(most, 4U);
  EXPECT_THROW(bench.add(prompt_of(3), sampled(1), 5), Error);
}

TEST(Batcher, CancelsInLineInPrefillAndWhileDecoding) {
  PagedRunner runner;
  SchedulerOptions options;
  options.max_active = 2;
  options.prefill_rows = 32;
  Bench bench(runner, options);
  const std::size_t decoding = bench.add(prompt_of(4, 1), sampled(1000), 1);
  const std::size_t prefilling = bench.add(prompt_of(1000, 2), sampled(10));
  const std::size_t waiting = bench.add(prompt_of(5, 3), sampled(10), 2);
  bench.step();
  bench.step();
  bench.cancel(waiting);
  EXPECT_EQ(bench[waiting].ends, 1);
  ASSERT_EQ(bench[waiting].result.chains.size(), 2U);
  EXPECT_EQ(bench[waiting].result.chains[1].finish, FinishReason::cancelled);
  EXPECT_TRUE(bench[waiting].events.empty());
  bench.cancel(prefilling);
  EXPECT_EQ(bench[prefilling].ends, 1);
  EXPECT_EQ(bench[prefilling].result.chains[0].finish, FinishReason::cancelled);
  const std::size_t said = bench.tokens(decoding);
  bench.cancel(decoding);
  EXPECT_EQ(bench.tokens(decoding), said);
  EXPECT_EQ(bench[decoding].events.back().finish, FinishReason::cancelled);
  EXPECT_TRUE(bench.batcher.idle());
  bench.cancel(decoding);  // harmless
  EXPECT_EQ(bench[decoding].ends, 1);
  const SchedulerStats stats = bench.batcher.stats();
  EXPECT_EQ(stats.cancelled_jobs, 3U);
  EXPECT_EQ(stats.jobs, 3U);
  bench.batcher.prefixes().clear();
  EXPECT_EQ(runner.used_blocks(), 0U);
}

TEST(Batcher, ACallbackThatThrowsEndsItsJobAlone) {
  PagedRunner runner;
  Bench bench(runner);
  const std::size_t good = bench.add(prompt_of(20, 1), sampled(6));
  auto bad = std::make_unique<Request>();
  bad->id = 77;
  bad->job.prompt = prompt_of(20, 2);
  bad->job.options = sampled(6);
  bad->job.on_token = [](const TokenEvent&) { throw std::runtime_error("no more"); };
  bench.batcher.enqueue(std::move(bad));
  bench.batcher.step();
  const auto ended = bench.batcher.take_ended();
  ASSERT_EQ(ended.size(), 1U);
  ASSERT_TRUE(ended[0]->result().error);
  EXPECT_EQ(ended[0]->result().error->problem(), "no more");
  bench.run();
  EXPECT_EQ(bench[good].tokens, alone(prompt_of(20, 1), sampled(6)));
  EXPECT_EQ(bench.batcher.stats().failed_jobs, 1U);
}

TEST(Batcher, AnEvaluationThatThrowsEndsTheJobsConcerned) {
  PagedRunner runner;
  Bench bench(runner);
  const std::size_t a = bench.add(prompt_of(20, 1), sampled(6));
  const std::size_t b = bench.add(prompt_of(31, 2), sampled(6));
  const std::size_t c = bench.add(prompt_of(20, 3), sampled(6));
  bench.step();
  runner.before_evaluate = [&](std::span<const Slice> slices) {
    for (const Slice& slice : slices) {
      if (runner.length(slice.sequence) == 32) throw Error(ErrorKind::io, "a broken row");
    }
  };
  bench.run();
  ASSERT_TRUE(bench[b].result.error);
  EXPECT_EQ(bench[b].result.error->kind(), ErrorKind::io);
  EXPECT_EQ(bench.tokens(b), 2U);
  EXPECT_EQ(bench[a].tokens, alone(prompt_of(20, 1), sampled(6)));
  EXPECT_EQ(bench[c].tokens, alone(prompt_of(20, 3), sampled(6)));
  bench.batcher.prefixes().clear();
  EXPECT_EQ(runner.used_blocks(), 0U);
}

TEST(Batcher, RefusesWhatCanNeverRun) {
  PagedRunner runner(10, 512);
  Bench bench(runner);
  EXPECT_THROW(bench.add({}, sampled(1)), Error);
  EXPECT_THROW(bench.add({16}, sampled(1)), Error);
  EXPECT_THROW(bench.add(prompt_of(600), sampled(1)), Error);
  EXPECT_THROW(bench.add(prompt_of(10), sampled(1), 0), Error);
  EXPECT_THROW(bench.add(prompt_of(100), sampled(61)), Error) << "more than 160 tokens of memory";
  GenerateOptions options = sampled(1);
  options.sampling.top_p = -3;
  EXPECT_THROW(bench.add(prompt_of(10), options), Error);
}

TEST(Batcher, NothingToGenerateEndsAtOnce) {
  PagedRunner runner;
  Bench bench(runner);
  bench.add(prompt_of(10), sampled(0), 2);
  bench.run();
  EXPECT_EQ(runner.evaluations, 0);
  EXPECT_EQ(bench[0].result.chains[1].finish, FinishReason::length);
}

}  // namespace
}  // namespace jielong
