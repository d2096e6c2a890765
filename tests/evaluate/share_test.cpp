#include "evaluate/share.h"

#include <gtest/gtest.h>

namespace jielong {
namespace {

TEST(Share, WilsonIntervals) {
  // Values from statsmodels.stats.proportion.proportion_confint(method="wilson").
  const Share some{8, 10};
  EXPECT_DOUBLE_EQ(some.value(), 0.8);
  EXPECT_NEAR(some.low(), 0.49016, 1e-5);
  EXPECT_NEAR(some.high(), 0.94332, 1e-5);
  const Share all{50, 50};
  EXPECT_NEAR(all.low(), 0.92865, 1e-5);
  EXPECT_EQ(all.high(), 1);
  const Share none{0, 50};
  EXPECT_EQ(none.low(), 0);
  EXPECT_NEAR(none.high(), 0.07135, 1e-5);
}

TEST(Share, OfNothingSaysNothing) {
  EXPECT_EQ(Share().value(), 0);
  EXPECT_EQ(Share().low(), 0);
  EXPECT_EQ(Share().high(), 1);
}

TEST(Share, AddsUp) {
  Share share;
  share.add(true);
  share.add(false);
  share.add(Share{2, 3});
  EXPECT_EQ(share.hits, 3);
  EXPECT_EQ(share.count, 5);
}

}  // namespace
}  // namespace jielong
