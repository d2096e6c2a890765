// Who gets the cache's blocks, who gives them back, and what is shared.

#include <gtest/gtest.h>

#include <set>

#include "generate/scheduler/batcher.h"
#include "generate/scheduler/bench.h"

namespace jielong {
namespace {

std::vector<Token> join(std::vector<Token> a, const std::vector<Token>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(BatcherMemory, YoungChainsGiveWayAndSayTheSame) {
  PagedRunner runner(20);  // 320 tokens
  Bench bench(runner);
  for (std::uint64_t i = 0; i < 6; ++i) bench.add(prompt_of(40, i), sampled(150, i));
  std::set<SequenceId> sequences;
  runner.before_evaluate = [&](std::span<const Slice> slices) {
    for (const Slice& slice : slices) sequences.insert(slice.sequence);
  };
  bench.run();
  for (std::uint64_t i = 0; i < 6; ++i) {
    EXPECT_EQ(bench[i].tokens, alone(prompt_of(40, i), sampled(150, i))) << i;
    EXPECT_FALSE(bench[i].result.error);
  }
  EXPECT_GT(sequences.size(), 6U) << "nobody had to give way: the test shows nothing";
  bench.batcher.prefixes().clear();
  EXPECT_EQ(runner.used_blocks(), 0U);
}

TEST(BatcherMemory, TheOldestNeverGivesWay) {
  PagedRunner runner(20);
  Bench bench(runner);
  bench.add(prompt_of(40, 1), sampled(250, 1));
  for (std::uint64_t i = 2; i < 8; ++i) bench.add(prompt_of(40, i), sampled(100, i));
  std::size_t steps = 0;
  while (bench[0].ends == 0) {
    bench.step();
    ++steps;
  }
  EXPECT_EQ(steps, 250U) << "a token with every step";
  bench.run();
}

TEST(BatcherMemory, ChainsOfOneJobMayBeMoreThanTheCacheHolds) {
  PagedRunner runner(12);
  Bench bench(runner);
  bench.add(prompt_of(50), sampled(100), 8);
  bench.run();
  EXPECT_EQ(bench[0].tokens, alone(prompt_of(50), sampled(100), 8));
}

TEST(BatcherMemory, AJobThatFillsTheCacheAlone) {
  PagedRunner runner(10, 160);
  Bench bench(runner);
  for (int i = 0; i < 3; ++i) bench.add(prompt_of(70), sampled(-1));
  bench.run();
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_FALSE(bench[i].result.error);
    EXPECT_EQ(bench[i].result.chains[0].finish, FinishReason::context_full);
    EXPECT_EQ(bench.tokens(i), 91U);
  }
}

TEST(BatcherMemory, PrefixesServeLaterRequests) {
  PagedRunner runner;
  Bench bench(runner);
  const auto system = prompt_of(74, 5);
  const auto first = join(system, prompt_of(20, 6)), second = join(system, prompt_of(20, 7));
  bench.add(first, sampled(12));
  bench.run();
  const std::int64_t before = runner.evaluated;
  bench.add(second, sampled(10));
  bench.run();
  EXPECT_EQ(bench[1].result.stats.reused_tokens, 74);
  EXPECT_EQ(runner.evaluated - before, 20 + 9);
  EXPECT_EQ(bench[1].tokens, alone(second, sampled(10)));
  // The next turn of the first conversation reuses its answer too.
  auto turn = join(first, bench[0].tokens[0]);
  turn.insert(turn.end(), {1, 2, 3, 4, 5});
  bench.add(turn, sampled(4));
  bench.run();
  EXPECT_EQ(bench[2].result.stats.reused_tokens, 105);  // its last token was never evaluated
  EXPECT_EQ(bench[2].tokens, alone(turn, sampled(4)));
  const SchedulerStats stats = bench.batcher.stats();
  EXPECT_EQ(stats.reused_tokens, 179U);
  EXPECT_GT(stats.cached_prefix_tokens, 100);
}

TEST(BatcherMemory, WhoBeginsAlikeWaitsForTheFirst) {
  PagedRunner runner;
  SchedulerOptions options;
  options.prefill_rows = 64;
  Bench bench(runner, options);
  const auto system = prompt_of(160, 5);
  for (std::uint64_t i = 0; i < 4; ++i) bench.add(join(system, prompt_of(9, 20 + i)), sampled(3));
  const std::size_t stranger = bench.add(prompt_of(12, 30), sampled(3));
  bench.step();
  EXPECT_EQ(bench.tokens(stranger), 1U) << "passes those who wait";
  bench.run();
  EXPECT_EQ(runner.evaluated, 160 + 4 * 9 + 4 * 2 + 12 + 2);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(bench[i].result.stats.reused_tokens, 160);
}

TEST(BatcherMemory, WhoWaitsForACancelledOneGoesOn) {
  PagedRunner runner;
  SchedulerOptions options;
  options.prefill_rows = 32;
  Bench bench(runner, options);
  const auto system = prompt_of(200, 5);
  const std::size_t first = bench.add(join(system, {1}), sampled(3));
  const std::size_t second = bench.add(join(system, {2}), sampled(3));
  bench.step();
  bench.step();
  bench.cancel(first);
  bench.run();
  EXPECT_EQ(bench[second].result.stats.reused_tokens, 64) << "what the first had come to";
  EXPECT_EQ(bench[second].tokens, alone(join(system, {2}), sampled(3)));
}

TEST(BatcherMemory, NobodyWaitsForOneThatWaitsItself) {
  PagedRunner runner;
  SchedulerOptions options;
  options.prefill_rows = 32;
  Bench bench(runner, options);
  const auto system = prompt_of(40, 5);
  bench.add(prompt_of(500, 1), sampled(3));  // the oldest: half of the rows
  const std::size_t stuck = bench.add(join(system, prompt_of(400, 2)), sampled(3));
  for (std::uint64_t i = 0; i < 20; ++i) bench.add(prompt_of(100, 10 + i), sampled(1));
  bench.step();
  const std::size_t brief = bench.add(join(system, prompt_of(5, 3)), sampled(3));
  int steps = 0;
  while (bench.tokens(brief) == 0) {
    bench.step();
    ++steps;
  }
  EXPECT_LE(steps, 4) << "45 tokens at 16 a step, ahead of the longer ones";
  EXPECT_EQ(bench.tokens(stuck), 0U);
  bench.run();
}

TEST(BatcherMemory, PrefixesGoBeforeChains) {
  PagedRunner runner(20);
  Bench bench(runner);
  for (std::uint64_t i = 0; i < 9; ++i) {
    bench.add(prompt_of(100, i), sampled(2));
    bench.run();
  }
  EXPECT_GT(bench.batcher.stats().cached_prefix_tokens, 200);
  const std::int64_t before = runner.evaluated;
  bench.add(prompt_of(100, 50), sampled(200));
  bench.run();
  EXPECT_EQ(runner.evaluated - before, 100 + 199) << "nothing had to be evaluated twice";
}

TEST(BatcherMemory, RandomJobsAndCancelsLeaveNothingBehind) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Rng rng(seed);
    const auto upto = [&](std::uint64_t most) { return rng() % (most + 1); };
    PagedRunner runner(12 + upto(30), 256);
    SchedulerOptions options;
    options.max_active = 1 + static_cast<std::int64_t>(upto(7));
    options.prefill_rows = 8 + static_cast<std::int64_t>(upto(100));
    options.prefix_tokens = upto(3) == 0 ? 0 : static_cast<std::int64_t>(upto(1000));
    Bench bench(runner, options);
    struct Known {
      std::vector<Token> prompt;
      GenerateOptions options;
      std::int64_t n;
      bool cancelled = false;
    };
    std::vector<Known> jobs;
    for (int i = 0; i < 40; ++i) {
      Known job{prompt_of(1 + upto(60), upto(3)), sampled(static_cast<std::int64_t>(upto(60)), i),
                1 + static_cast<std::int64_t>(upto(2))};
      if (upto(1) == 0) job.prompt = join(prompt_of(50, upto(2)), job.prompt);
      if (upto(3) == 0) job.options.drafter = [] { return make_lookup_drafter(3, 1); };
      job.n = std::min(job.n, options.max_active);
      bench.add(job.prompt, job.options, job.n);
      jobs.push_back(std::move(job));
      for (std::uint64_t s = upto(4); s > 0; --s) bench.step();
      if (upto(4) == 0) {
        const std::size_t victim = upto(jobs.size() - 1);
        jobs[victim].cancelled = true;
        bench.cancel(victim);
      }
    }
    bench.run();
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      EXPECT_EQ(bench[i].ends, 1);
      EXPECT_FALSE(bench[i].result.error) << bench[i].result.error->what();
      if (jobs[i].cancelled) continue;
      EXPECT_EQ(bench[i].tokens, alone(jobs[i].prompt, jobs[i].options, jobs[i].n))
          << "seed " << seed << ", job " << i;
    }
    bench.batcher.prefixes().clear();
    EXPECT_EQ(runner.used_blocks(), 0U);
    EXPECT_EQ(runner.open_chains(), 0U);
  }
}

}  // namespace
}  // namespace jielong
