#include <gtest/gtest.h>

#include <fstream>
#include <mutex>

#include "base/file.h"
#include "base/scratch.h"
#include "small_run.h"
#include "thread_communicator.h"

namespace jielong {
namespace {

using test::Recorder;
using test::Scratch;
using test::small_options;
using test::SmallRun;
using test::ThreadRanks;

TEST(Parallel, EveryParameterHasOneOwnerAndWorkIsShared) {
  Parameters parameters;
  std::vector<Parameter*> all;
  for (const int rows : {50, 3, 30, 20, 1}) {
    all.push_back(&parameters.add(std::to_string(rows), Parameter::Role::matrix, rows, 4));
  }
  std::mutex mutex;
  std::map<int, std::int64_t> load;
  ThreadRanks(2).run([&](Communicator& communicator) {
    ThreadPool pool(1);
    const GradientExchange exchange(pool, communicator, all);
    const std::lock_guard lock(mutex);
    for (const Parameter* each : all) {
      if (exchange.owns(*each)) load[communicator.rank()] += each->count();
    }
  });
  EXPECT_EQ(load[0] + load[1], parameters.count());
  EXPECT_EQ(load[0], 212);
  EXPECT_EQ(load[1], 204);
}

TEST(Parallel, LossCurvesAreThoseOfOneProcess) {
  auto options = small_options();
  options.ema_decay = 0.9;
  options.evaluate_every = 4;
  SmallRun alone(options);
  Recorder one;
  alone.trainer->run(one);
  for (const int ranks : {2, 3}) {
    std::vector<std::vector<float>> values(static_cast<std::size_t>(ranks));
    Recorder many;
    ThreadRanks(ranks).run([&](Communicator& communicator) {
      SmallRun run(options, &communicator);
      Recorder other;
      run.trainer->run(communicator.rank() == 0 ? many : other);
      values[static_cast<std::size_t>(communicator.rank())] = run.values();
    });
    for (const auto& each : values) EXPECT_EQ(each, values[0]);
    ASSERT_EQ(many.steps.size(), one.steps.size());
    for (std::size_t i = 0; i < one.steps.size(); ++i) {
      EXPECT_NEAR(many.steps[i].loss, one.steps[i].loss, 1e-4) << ranks << " ranks, step " << i;
      EXPECT_NEAR(many.steps[i].gradient_norm, one.steps[i].gradient_norm, 1e-4);
      EXPECT_EQ(many.steps[i].tokens, one.steps[i].tokens);
      EXPECT_NEAR(many.steps[i].means[1].second, one.steps[i].means[1].second, 1e-4);
    }
    ASSERT_EQ(many.evaluations.size(), one.evaluations.size());
    EXPECT_NEAR(many.evaluations[0].loss, one.evaluations[0].loss, 1e-4);
  }
}

TEST(Parallel, StatesOfTheOptimizerExistOnce) {
  auto options = small_options();
  ThreadRanks(2).run([&](Communicator& communicator) {
    SmallRun run(options, &communicator);
    run.trainer->step();
    const Optimizer& optimizer = run.trainer->optimizer();
    // The matrix is the larger one, so rank 0 has it and rank 1 the bias.
    EXPECT_EQ(optimizer.state(run.bigram.weight(), 0) != nullptr, communicator.rank() == 0);
    EXPECT_EQ(optimizer.state(run.bigram.bias(), 1) != nullptr, communicator.rank() == 1);
  });
}

TEST(Parallel, CheckpointsServeAnyNumberOfProcesses) {
  const Scratch scratch;
  auto options = small_options();
  options.checkpoints = scratch.path();
  options.checkpoint_every = 5;
  Recorder whole;
  ThreadRanks(2).run([&](Communicator& communicator) {
    SmallRun run(options, &communicator);
    Recorder other;
    run.trainer->run(communicator.rank() == 0 ? whole : other);
  });
  // Goes on from step 5, once with two ranks, to the bit, and once alone.
  std::filesystem::remove_all(scratch / "step-00000008");
  Recorder again;
  ThreadRanks(2).run([&](Communicator& communicator) {
    SmallRun run(options, &communicator);
    Recorder other;
    const auto resumed = run.trainer->resume();
    ASSERT_TRUE(resumed);
    EXPECT_EQ(resumed->checkpoint.step, 5);
    run.trainer->run(communicator.rank() == 0 ? again : other);
  });
  ASSERT_EQ(again.steps.size(), 3U);
  const auto losses = whole.losses();
  EXPECT_EQ(again.losses(), std::vector(losses.begin() + 5, losses.end()));
  std::filesystem::remove_all(scratch / "step-00000008");
  SmallRun alone(options);
  ASSERT_TRUE(alone.trainer->resume());
  Recorder rest;
  alone.trainer->run(rest);
  ASSERT_EQ(rest.steps.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(rest.steps[i].loss, whole.steps[5 + i].loss, 1e-4);
  }
}

TEST(Parallel, AFullDiskIsKnownToAll) {
  const Scratch scratch;
  auto options = small_options();
  write_file(scratch / "file", "");
  options.checkpoints = scratch / "file" / "folder";
  ThreadRanks(2).run([&](Communicator& communicator) {
    SmallRun run(options, &communicator);
    run.trainer->step();
    EXPECT_THROW(run.trainer->save_checkpoint(), Error);
    run.trainer->step();
  });
}

TEST(Parallel, AllHearWhatWasNotFinite) {
  ThreadRanks(2).run([&](Communicator& communicator) {
    SmallRun run(small_options(), &communicator);
    run.bigram.broken_activation = communicator.rank() == 1;
    Recorder recorder;
    EXPECT_EQ(run.trainer->run(recorder), RunEnd::not_finite);
    EXPECT_EQ(recorder.not_finite, "bigram.out");
  });
}

TEST(Parallel, OneRequestStopsAll) {
  ThreadRanks(2).run([&](Communicator& communicator) {
    SmallRun run(small_options(), &communicator);
    const std::atomic<bool> stop{communicator.rank() == 1};
    Recorder recorder;
    EXPECT_EQ(run.trainer->run(recorder, &stop), RunEnd::stopped);
    EXPECT_TRUE(recorder.steps.empty());
  });
}

TEST(Parallel, MoreProcessesThanPassesAreRefused) {
  ThreadRanks(3).run([&](Communicator& communicator) {
    auto options = small_options();
    options.pass_sequences = 2;
    EXPECT_THROW(SmallRun(options, &communicator), Error);
  });
}

}  // namespace
}  // namespace jielong
