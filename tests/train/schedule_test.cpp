#include "train/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/error.h"

namespace jielong {
namespace {

std::vector<double> factors(ScheduleKind kind, std::int64_t steps, std::int64_t warmup,
                            double final_factor, std::int64_t decay = 0) {
  const ScheduleSettings settings{kind, warmup, decay, final_factor};
  std::vector<double> result;
  for (std::int64_t step = 0; step < steps; ++step) {
    result.push_back(schedule_factor(settings, step, steps));
  }
  return result;
}

void expect_near(const std::vector<double>& actual, const std::vector<double>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-12) << i;
}

TEST(Schedule, RisesLinearlyWhileWarmingUp) {
  for (const auto kind :
       {ScheduleKind::constant, ScheduleKind::linear, ScheduleKind::cosine, ScheduleKind::wsd}) {
    const auto all = factors(kind, 20, 4, 0.1);
    expect_near({all.begin(), all.begin() + 5}, {0.25, 0.5, 0.75, 1, 1});
  }
}

TEST(Schedule, ConstantStays) { expect_near(factors(ScheduleKind::constant, 3, 0, 0), {1, 1, 1}); }

TEST(Schedule, LinearFallsToItsLastFactor) {
  expect_near(factors(ScheduleKind::linear, 6, 1, 0.2), {1, 1, 0.8, 0.6, 0.4, 0.2});
}

TEST(Schedule, CosineFallsOnHalfACosine) {
  // 0.1 + 0.9 · (1 + cos(π · i/4)) / 2
  const double root = std::sqrt(0.5);
  expect_near(factors(ScheduleKind::cosine, 5, 0, 0.1),
              {1, 0.1 + 0.45 * (1 + root), 0.55, 0.1 + 0.45 * (1 - root), 0.1});
}

TEST(Schedule, WsdDecaysOverItsLastSteps) {
  expect_near(factors(ScheduleKind::wsd, 8, 2, 0, 4), {0.5, 1, 1, 1, 0.75, 0.5, 0.25, 0});
  // A fifth of the run by default.
  expect_near(factors(ScheduleKind::wsd, 10, 0, 0.5), {1, 1, 1, 1, 1, 1, 1, 1, 0.75, 0.5});
}

TEST(Schedule, ShortRunsAreNoTrouble) {
  expect_near(factors(ScheduleKind::cosine, 1, 0, 0.1), {1});
  expect_near(factors(ScheduleKind::wsd, 1, 0, 0.1), {1});
  expect_near(factors(ScheduleKind::linear, 2, 5, 0), {0.2, 0.4});
  // Steps beyond the planned end, as an extended run may have, stay at the last factor.
  EXPECT_EQ(schedule_factor({ScheduleKind::cosine, 0, 0, 0.1}, 99, 10), 0.1);
}

TEST(Schedule, NamesGoBothWays) {
  for (const char* each : {"constant", "linear", "cosine", "wsd"}) {
    EXPECT_EQ(name(schedule_by_name(each)), each);
  }
  EXPECT_THROW(schedule_by_name("cosinus"), Error);
}

}  // namespace
}  // namespace jielong
