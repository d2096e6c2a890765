#include "generate/stop_matcher.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace jielong {
namespace {

TEST(StopMatcher, HoldsBackOnlyWhatMayBeAStop) {
  StopMatcher stops({"abc"});
  EXPECT_EQ(stops.push("xa"), "x");
  EXPECT_EQ(stops.push("b"), "");
  EXPECT_EQ(stops.push("aab"), "aba");
  EXPECT_EQ(stops.push("c tail"), "");
  EXPECT_TRUE(stops.found());
  EXPECT_EQ(stops.match(), "abc");
  EXPECT_EQ(stops.push("more"), "");
  EXPECT_EQ(stops.finish(), "");
}

TEST(StopMatcher, TheEarliestWinsThenTheLongest) {
  StopMatcher stops({"b", "abx", "ab"});
  EXPECT_EQ(stops.push("zzabx"), "zz");
  EXPECT_EQ(stops.match(), "abx");
}

TEST(StopMatcher, WithoutStopsTextPassesThrough) {
  StopMatcher stops({""});
  EXPECT_EQ(stops.push("hello"), "hello");
  EXPECT_FALSE(stops.found());
}

TEST(StopMatcher, AnyCutGivesTheSameText) {
  Rng rng(4);
  for (int round = 0; round < 500; ++round) {
    std::string text;
    for (int i = 0; i < 30; ++i) text += static_cast<char>('a' + rng() % 2);
    const std::vector<std::string> stops{"aabab", "bbb"};
    std::size_t expected = std::string::npos;
    for (const auto& stop : stops) expected = std::min(expected, text.find(stop));
    StopMatcher matcher(stops);
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t length = 1 + rng() % 4;
      out += matcher.push(text.substr(at, length));
      at += length;
    }
    out += matcher.finish();
    EXPECT_EQ(out, text.substr(0, expected));
  }
}

}  // namespace
}  // namespace jielong
