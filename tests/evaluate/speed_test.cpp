#include "evaluate/speed.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "generate/fake_runner.h"

namespace jielong {
namespace {

TEST(Speed, MedianAndRate) {
  SpeedResult result{{0, 100, 0}, {2, 1, 4}};
  EXPECT_EQ(result.median_seconds(), 2);
  EXPECT_EQ(result.tokens_per_second(), 50);
  result.seconds = {1, 3};
  EXPECT_EQ(result.median_seconds(), 2);
}

TEST(Speed, RunsEachRepetitionFromTheSameDepth) {
  FakeRunner runner(16, 64);
  const SpeedResult result = measure_speed(runner, {10, 0, 5}, 3);
  EXPECT_EQ(result.seconds.size(), 3U);
  EXPECT_EQ(runner.evaluated, 10 + 4 + 3 * 5);  // the warm-up is shorter
  EXPECT_EQ(runner.open_chains(), 0U);
}

TEST(Speed, RefusesWhatDoesNotFit) {
  FakeRunner runner(16, 64);
  EXPECT_THROW(measure_speed(runner, {60, 5, 0}, 1), Error);
  EXPECT_THROW(measure_speed(runner, {0, 5, 0}, 0), Error);
  std::atomic<bool> cancel{true};
  EXPECT_THROW(measure_speed(runner, {0, 5, 0}, 1, &cancel), Error);
}

}  // namespace
}  // namespace jielong
