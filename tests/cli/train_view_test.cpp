#include "cli/train_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/text_width.h"

namespace jielong::cli {
namespace {

using testing::HasSubstr;

TrainingGlance glance() {
  TrainingGlance glance;
  glance.last.step = 250;
  glance.last.steps = 1000;
  glance.last.loss = 2.5;
  glance.last.learning_rates = {{"matrices", 0.001}};
  glance.last.gradient_norm = 0.75;
  glance.last.tokens_per_second = 4321;
  glance.peak_share = 0.42;
  glance.held_out = 2.625;
  glance.bits_per_byte = 1.125;
  glance.seconds_left = 3725;
  for (int i = 0; i < 200; ++i) glance.losses.push_back(10.0 / (i + 1));
  return glance;
}

TEST(TrainView, ShowsWhatMattersInThreeLines) {
  const auto lines = draw_glance(glance(), 100);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_THAT(lines[0], HasSubstr("step 250/1000"));
  EXPECT_THAT(lines[0], HasSubstr("25%  1:02:05 left"));
  EXPECT_THAT(lines[1], HasSubstr("loss 2.500"));
  EXPECT_THAT(lines[1], HasSubstr("held-out 2.625 (1.125 bits/byte)"));
  EXPECT_THAT(lines[2], HasSubstr("rate 1.00e-03"));
  EXPECT_THAT(lines[2], HasSubstr("4.32k tokens/s · 42% of peak"));
}

TEST(TrainView, FitsEveryTerminal) {
  for (int columns = 0; columns < 140; ++columns) {
    for (const std::string& line : draw_glance(glance(), columns)) {
      EXPECT_LE(display_width(line), columns);
    }
  }
  EXPECT_EQ(draw_glance(TrainingGlance(), 80).size(), 3U);
}

TEST(TrainView, SparklinesFallWithTheLoss) {
  EXPECT_EQ(sparkline({8, 7, 6, 5, 4, 3, 2, 1}, 8), "█▇▆▅▄▃▂▁");
  EXPECT_EQ(sparkline({2, 2, 1, 1}, 2), "█▁");
  EXPECT_EQ(sparkline({1, 1, 1}, 10), "▁▁▁");
  EXPECT_EQ(sparkline({}, 10), "");
  EXPECT_EQ(loss_curve({8, 4, 2, 1}, 4), "█▆▃▁");
  EXPECT_EQ(sparkline({1, 2}, 0), "");
}

TEST(TrainView, TellsTimesAsClocksDo) {
  EXPECT_EQ(clock_text(0), "0:00");
  EXPECT_EQ(clock_text(65), "1:05");
  EXPECT_EQ(clock_text(3599.6), "1:00:00");
  EXPECT_EQ(clock_text(-1), "?");
}

}  // namespace
}  // namespace jielong::cli
