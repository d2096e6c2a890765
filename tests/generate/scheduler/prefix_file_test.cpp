#include "generate/scheduler/prefix_file.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/scratch.h"
#include "generate/scheduler/bench.h"

namespace jielong {
namespace {

class PrefixFileTest : public testing::Test {
 protected:
  PrefixFileTest() {
    Bench bench(runner_);
    for (std::uint64_t i = 0; i < 4; ++i) bench.add(prompt_of(44 + 16 * i, i % 2), sampled(12, i));
    bench.run();
    write_prefixes(path_, bench.batcher.prefixes(), 1 << 20);
    tokens_ = bench.batcher.prefixes().tokens();
  }

  test::Scratch folder_;
  const std::filesystem::path path_ = folder_ / "a.prefixes";
  PagedRunner runner_;
  std::int64_t tokens_ = 0;
};

TEST_F(PrefixFileTest, SurvivesARestart) {
  PagedRunner runner;
  Bench bench(runner);
  EXPECT_EQ(read_prefixes(path_, bench.batcher.prefixes()), tokens_);
  EXPECT_EQ(bench.batcher.prefixes().tokens(), tokens_);
  EXPECT_EQ(read_prefixes(path_, bench.batcher.prefixes()), 0) << "all is there already";
  for (std::uint64_t i = 0; i < 4; ++i) bench.add(prompt_of(44 + 16 * i, i % 2), sampled(12, i));
  bench.run();
  for (std::uint64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(bench[i].tokens, alone(prompt_of(44 + 16 * i, i % 2), sampled(12, i)));
    EXPECT_EQ(bench[i].result.stats.reused_tokens, 43 + 16 * static_cast<std::int64_t>(i));
  }
  bench.batcher.prefixes().clear();
  EXPECT_EQ(runner.used_blocks(), 0U);
}

TEST_F(PrefixFileTest, KeepsTheMostRecentWhenRoomIsShort) {
  PagedRunner runner(4);
  PrefixTree tree(runner, 1000);
  const std::int64_t tokens = read_prefixes(path_, tree);
  EXPECT_GT(tokens, 3 * PagedRunner::kBlock);
  EXPECT_LE(runner.used_blocks(), 4U);
  EXPECT_EQ(tree.match(prompt_of(92, 1)), tokens) << "the last one asked for";
}

TEST_F(PrefixFileTest, RefusesAnotherModel) {
  PagedRunner runner;
  runner.format = "another";
  PrefixTree tree(runner, 1000);
  EXPECT_THROW(read_prefixes(path_, tree), Error);
  PagedRunner small(100, 2048, 15);  // tokens beyond its vocabulary
  PrefixTree small_tree(small, 1000);
  EXPECT_THROW(read_prefixes(path_, small_tree), Error);
  EXPECT_EQ(tree.tokens() + small_tree.tokens(), 0);
  EXPECT_THROW(read_prefixes(folder_ / "missing", tree), Error);
}

TEST_F(PrefixFileTest, LeavesOutWhatExceedsTheContext) {
  PagedRunner runner(100, 32);
  PrefixTree tree(runner, 1000);
  EXPECT_EQ(read_prefixes(path_, tree), 64);  // two blocks of each of the two beginnings
}

TEST_F(PrefixFileTest, AnyDamageIsAnError) {
  const std::string whole = read_file(path_);
  for (std::size_t at = 0; at < whole.size(); at += 1 + at / 50) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x41);
    write_file(path_, damaged);
    PrefixTree tree(runner_, 1000);
    EXPECT_THROW(read_prefixes(path_, tree), Error) << "byte " << at;
    EXPECT_EQ(tree.tokens(), 0);
    write_file(path_, whole.substr(0, at));
    EXPECT_THROW(read_prefixes(path_, tree), Error) << "cut at " << at;
  }
  write_file(path_, whole + "x");
  PrefixTree tree(runner_, 1000);
  EXPECT_THROW(read_prefixes(path_, tree), Error);
}

TEST_F(PrefixFileTest, ModelsWithoutAFormatCannotBeSaved) {
  PagedRunner runner;
  runner.format.clear();
  PrefixTree tree(runner, 1000);
  EXPECT_THROW(write_prefixes(folder_ / "b", tree, 1000), Error);
}

}  // namespace
}  // namespace jielong
