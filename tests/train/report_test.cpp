#include "train/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "train/chart.h"

namespace jielong {
namespace {

using testing::HasSubstr;
using testing::Not;

RunInfo info() {
  RunInfo info;
  info.name = "stories-2026-11-25-1430";
  info.about = "A <b>bold</b> & small model";
  info.started = 1'790'000'000;
  info.steps = 2000;
  info.parameters = 12'300'000;
  info.peak_flops = 2e11;
  return info;
}

RunRecords records() {
  RunRecords records;
  for (int step = 1; step <= 1000; ++step) {
    StepRecord record;
    record.step = step;
    record.loss = 2 + 6.0 / step;
    record.learning_rate = 1e-3;
    record.gradient_norm = 1;
    record.tokens_per_second = 4000;
    record.peak_share = 0.5;
    record.seconds = step;
    record.total_tokens = step * 4096;
    records.steps.push_back(record);
  }
  EvaluationMetrics evaluation;
  evaluation.step = 500;
  evaluation.loss = 2.5;
  evaluation.perplexity = std::exp(2.5);
  evaluation.bits_per_byte = 1.05;
  records.evaluations = {evaluation};
  records.samples = {{100, "Once", " <script>alert(1)</script>"},
                     {500, "Once", " upon\xff a \x01time"}};
  return records;
}

std::string report() {
  const RunInfo run = info();
  const RunRecords made = records();
  return render_report({run, "name: \"</pre><script>\"\n", made});
}

TEST(Report, HoldsWhatTheRunWas) {
  const std::string html = report();
  for (const char* part : {"stories-2026-11-25-1430", "1000 of 2000", "12.3M", "held-out", "1.050",
                           "Learning rate", "Gradient norm", "200GFLOP/s", "step 500"}) {
    EXPECT_THAT(html, HasSubstr(part));
  }
}

TEST(Report, NothingOfTheRunBecomesMarkup) {
  const std::string html = report();
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("<b>bold")));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(1)"));
  EXPECT_THAT(html, HasSubstr("upon\xEF\xBF\xBD a time"));
}

// A policy that allows no inline styles but one would break these.
TEST(Report, NeedsNothingThatItsPolicyForbids) {
  const std::string html = report();
  EXPECT_THAT(html, HasSubstr(report_policy()));
  EXPECT_THAT(report_policy(), HasSubstr("style-src 'sha256-"));
  EXPECT_THAT(html, Not(HasSubstr(" style=")));
  EXPECT_THAT(html, Not(HasSubstr("src=")));
  EXPECT_THAT(html, Not(HasSubstr("href=")));
  EXPECT_THAT(html, Not(HasSubstr("url(")));
  EXPECT_EQ(html.find("<style>"), html.rfind("<style>"));
}

TEST(Report, ChartsTellWhatTheyAreToThoseWhoListen) {
  const std::string html = report();
  std::set<std::string> ids;
  for (std::size_t at = 0; (at = html.find("<svg", at)) != std::string::npos; ++at) {
    const std::string svg = html.substr(at, html.find("</svg>", at) - at);
    EXPECT_THAT(svg, HasSubstr("role=\"img\""));
    EXPECT_THAT(svg, HasSubstr("<title id=\""));
    const std::size_t begin = svg.find("<title id=\"") + 11;
    EXPECT_TRUE(ids.insert(svg.substr(begin, svg.find('"', begin) - begin)).second);
  }
  EXPECT_EQ(ids.size(), 5U);
}

TEST(Report, StaysSmallHoweverLongTheRun) {
  const RunInfo run = info();
  RunRecords made = records();
  while (made.steps.size() < 200'000) {
    made.steps.push_back(made.steps.back());
    ++made.steps.back().step;
  }
  for (int i = 0; i < 5000; ++i) made.samples.push_back({i, "Once", " upon a time"});
  EXPECT_LT(render_report({run, "", made}).size(), 200'000U);
}

TEST(Report, ARunThatHasJustBegunHasOneToo) {
  const RunInfo run = info();
  const RunRecords none;
  EXPECT_THAT(render_report({run, "", none}), HasSubstr("nothing yet"));
}

TEST(Chart, DrawsOddValues) {
  const double nan = std::nan(""), infinite = std::numeric_limits<double>::infinity();
  for (const std::vector<double>& values : {std::vector<double>{},
                                            {1},
                                            {0, 0, 0},
                                            {5, 5, 5},
                                            {nan, nan},
                                            {1, nan, infinite, -3},
                                            {1e300, -1e300},
                                            {1e-300, 2e-300},
                                            {-1e-9, 1e9}}) {
    ChartSeries series{"x", ChartSeries::Look::line, 0, {}, values};
    for (std::size_t i = 0; i < values.size(); ++i) series.x.push_back(static_cast<double>(i));
    const std::string svg = draw_chart({"id", "t", "d", "x", "y", {series}, false});
    EXPECT_THAT(svg, Not(HasSubstr("nan")));
    EXPECT_THAT(svg, Not(HasSubstr("inf")));
    EXPECT_LT(svg.size(), 4000U);
  }
}

TEST(Chart, NumbersAreShort) {
  EXPECT_EQ(short_number(0), "0");
  EXPECT_EQ(short_number(0.25), "0.25");
  EXPECT_EQ(short_number(999.9), "1k");
  EXPECT_EQ(short_number(12'345), "12.3k");
  EXPECT_EQ(short_number(-2e9), "-2G");
  EXPECT_EQ(short_number(3e-5), "3e-05");
}

}  // namespace
}  // namespace jielong
