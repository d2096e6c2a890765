#include "serve/runs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "base/scratch.h"
#include "serve/fixtures.h"
#include "train/report.h"
#include "train/run_recorder.h"

namespace jielong::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class Runs : public testing::Test {
 protected:
  Runs() {
    serve::add_run_routes(table_, folder_ / "runs");
    Recipe recipe;
    recipe.name = "toy";
    RunInfo info;
    info.recipe = "toy";
    info.steps = 5000;
    run_ = std::make_unique<RunRecorder>(RunRecorder::create(folder_ / "runs", recipe, info));
    for (int step = 1; step <= 2000; ++step) add_step(step);
    run_->on_sample({2000, "<b>Once", " upon\xff"});
  }

  void add_step(std::int64_t step) {
    StepMetrics metrics;
    metrics.step = step;
    metrics.loss = 4.0 / static_cast<double>(step);
    run_->on_step(metrics);
  }

  std::shared_ptr<RecordingReply> get(const std::string& path) {
    return call_route(table_, "GET", path, "");
  }

  Scratch folder_;
  serve::RouteTable table_;
  std::unique_ptr<RunRecorder> run_;
};

TEST_F(Runs, AreListedWithTheirLatestFigures) {
  const Json runs = parse_json(get("/v1/runs")->body, "runs")["data"];
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0]["name"], run_->info().name);
  EXPECT_EQ(runs[0]["state"], "running");
  EXPECT_EQ(runs[0]["steps_done"], 2000);
  EXPECT_EQ(runs[0]["steps"], 5000);
}

TEST_F(Runs, GrowWhileTheyAreWatched) {
  const std::string path = "/v1/runs/" + run_->info().name;
  const Json before = parse_json(get(path)->body, "run");
  EXPECT_LE(before["steps"]["loss"].size(), 480U);
  EXPECT_EQ(before["steps"]["loss"].size(), before["steps"]["step"].size());
  EXPECT_EQ(before["steps"]["step"].back(), 2000);
  EXPECT_EQ(before["samples"][0]["prompt"], "<b>Once");
  add_step(2001);
  EXPECT_EQ(parse_json(get(path)->body, "run")["steps"]["step"].back(), 2001);
}

TEST_F(Runs, TheReportComesWithAPolicyThatFitsIt) {
  const auto reply = get("/runs/" + run_->info().name);
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->type, "text/html; charset=utf-8");
  EXPECT_THAT(reply->headers["Content-Security-Policy"], HasSubstr(report_policy()));
  EXPECT_THAT(reply->headers["Content-Security-Policy"], HasSubstr("frame-ancestors 'none'"));
  EXPECT_THAT(reply->body, HasSubstr("&lt;b&gt;Once"));
  EXPECT_THAT(reply->body, Not(HasSubstr("<b>Once")));
}

TEST_F(Runs, NamesCannotLeaveTheFolder) {
  write_file(folder_ / "run.json", "{}");
  for (const char* name : {"", "nothing", "..", ".", "../", "toy", "toy/../..", "/etc/passwd"}) {
    for (const char* prefix : {"/v1/runs/", "/runs/"}) {
      const auto reply = get(std::string(prefix) + name);
      EXPECT_EQ(reply->status, 404) << prefix << name;
      EXPECT_THAT(reply->body, HasSubstr("\"error\""));
    }
  }
}

}  // namespace
}  // namespace jielong::test
