#include "generate/scheduler/prefix_tree.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "generate/scheduler/paged_runner.h"

namespace jielong {
namespace {

std::vector<Token> counting(std::size_t count, Token first = 0) {
  std::vector<Token> tokens(count);
  for (std::size_t i = 0; i < count; ++i) {
    tokens[i] = static_cast<Token>((static_cast<std::size_t>(first) + i * i + i / 16) % 16);
  }
  return tokens;
}

class PrefixTreeTest : public testing::Test {
 protected:
  void keep(PrefixTree& tree, const std::vector<Token>& tokens) {
    const CachedPrefix prefix = tree.find(std::span(tokens).first(tokens.size() - 1));
    const SequenceId sequence = prefix.sequence ? *prefix.sequence : runner.open();
    const Slice slice{sequence, std::span(tokens).subspan(prefix.tokens.size()), false};
    runner.evaluate({&slice, 1});
    tree.insert(tokens, sequence);
    runner.close(sequence);
  }
  /// What a look-up gives, having checked that the sequence holds it.
  std::size_t found(PrefixTree& tree, const std::vector<Token>& tokens) {
    const CachedPrefix prefix = tree.find(tokens);
    EXPECT_EQ(static_cast<std::int64_t>(prefix.tokens.size()), tree.match(tokens));
    EXPECT_EQ(prefix.sequence.has_value(), !prefix.tokens.empty());
    if (!prefix.sequence) return 0;
    EXPECT_EQ(runner.tokens(*prefix.sequence), prefix.tokens);
    EXPECT_TRUE(std::equal(prefix.tokens.begin(), prefix.tokens.end(), tokens.begin()));
    runner.close(*prefix.sequence);
    return prefix.tokens.size();
  }

  PagedRunner runner;
};

TEST_F(PrefixTreeTest, FindsTheLongestBeginningToTheToken) {
  {
    PrefixTree tree(runner, 1000);
    const auto tokens = counting(45);
    keep(tree, tokens);
    EXPECT_EQ(tree.tokens(), 45);
    EXPECT_EQ(runner.used_blocks(), 3U);
    EXPECT_EQ(found(tree, tokens), 45U);
    auto other = tokens;
    other.resize(80, 3);
    EXPECT_EQ(found(tree, other), 45U);
    other = tokens;
    other[30] = (other[30] + 1) % 16;
    EXPECT_EQ(found(tree, other), 30U);
    other = tokens;
    other[19] = (other[19] + 1) % 16;  // 3 tokens of a block are not worth a copy
    EXPECT_EQ(found(tree, other), 16U);
    EXPECT_EQ(found(tree, counting(45, 5)), 0U);
    EXPECT_EQ(found(tree, {}), 0U);
  }
  EXPECT_EQ(runner.used_blocks(), 0U);
  EXPECT_EQ(runner.open_chains(), 0U);
}

TEST_F(PrefixTreeTest, SharesWhatIsCommon) {
  PrefixTree tree(runner, 1000);
  auto first = counting(48), second = first;
  second[40] = (second[40] + 1) % 16;
  keep(tree, first);
  keep(tree, second);
  EXPECT_EQ(tree.tokens(), 64);
  EXPECT_EQ(runner.used_blocks(), 4U);
  keep(tree, first);
  EXPECT_EQ(tree.tokens(), 64);
  EXPECT_EQ(found(tree, second), 48U);
}

TEST_F(PrefixTreeTest, ALongerBlockReplacesAPartOfIt) {
  PrefixTree tree(runner, 1000);
  const auto tokens = counting(48);
  keep(tree, {tokens.begin(), tokens.begin() + 26});
  EXPECT_EQ(tree.tokens(), 26);
  keep(tree, {tokens.begin(), tokens.begin() + 30});
  EXPECT_EQ(tree.tokens(), 30);
  keep(tree, tokens);
  EXPECT_EQ(tree.tokens(), 48);
  keep(tree, {tokens.begin(), tokens.begin() + 28});
  EXPECT_EQ(tree.tokens(), 48);
  EXPECT_EQ(runner.used_blocks(), 3U);
}

TEST_F(PrefixTreeTest, ForgetsWhatWasUnusedForLongest) {
  PrefixTree tree(runner, 64);
  const auto a = counting(32, 1), b = counting(32, 2), c = counting(16, 3);
  keep(tree, a);
  keep(tree, b);
  EXPECT_EQ(found(tree, a), 32U);
  keep(tree, c);
  EXPECT_EQ(tree.tokens(), 64);
  EXPECT_EQ(found(tree, a), 32U);
  EXPECT_EQ(found(tree, c), 16U);
  EXPECT_EQ(found(tree, b), 16U);  // its end went first
}

TEST_F(PrefixTreeTest, EvictsOnlyWhatGivesMemoryBack) {
  PrefixTree tree(runner, 1000);
  const auto a = counting(32, 1), b = counting(16, 2);
  keep(tree, a);
  keep(tree, b);
  const CachedPrefix used = tree.find(a);
  EXPECT_EQ(found(tree, b), 16U);
  EXPECT_TRUE(tree.evict_one());  // b, although used later: the other is in use
  EXPECT_FALSE(tree.evict_one());
  EXPECT_EQ(tree.match(a), 32);
  runner.close(*used.sequence);
}

TEST_F(PrefixTreeTest, KeepsNothingWithoutRoom) {
  PrefixTree tree(runner, 0);
  keep(tree, counting(40));
  EXPECT_EQ(tree.tokens(), 0);
  EXPECT_EQ(runner.used_blocks(), 0U);
}

}  // namespace
}  // namespace jielong
