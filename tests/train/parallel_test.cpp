#include <gtest/gtest.h>

#include <fstream>
#include <mutex>

#include "base/file.h"
#include "base/scratch.h"
#include "small_run.h"
#include "thread_communicator.h"
#include "train/parallel/gradient_completion.h"

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

/// Losses of a small real model.
std::vector<double> train_transformer(Communicator* communicator,
                                      std::int64_t checkpoint_residuals) {
  Hyperparameters hyper;
  hyper.family = "llama";
  hyper.layers = 3;
  hyper.channels = 32;
  hyper.heads = 2;
  hyper.vocabulary = 12;
  hyper.context_length = 16;
  ThreadPool pool(1);
  const auto model = Model::create(hyper, {.deviation = 0.1F}, pool);
  TokenObjective objective(model, {.checkpoint_residuals = checkpoint_residuals});
  test::CountingSource source(1);
  auto options = small_options();
  options.steps = 5;
  options.pass_sequences = 1;
  TrainerParts parts;
  parts.communicator = communicator;
  Trainer trainer(pool, *model->parameters(), objective, source, options, parts);
  Recorder recorder;
  trainer.run(recorder);
  return recorder.losses();
}

TEST(Parallel, GradientsOfARealModelTravelWhenTheyAreComplete) {
  for (const std::int64_t checkpoint : {0, 2}) {
    const auto alone = train_transformer(nullptr, checkpoint);
    std::mutex mutex;
    ThreadRanks(2).run([&](Communicator& communicator) {
      const auto losses = train_transformer(&communicator, checkpoint);
      const std::lock_guard lock(mutex);
      ASSERT_EQ(losses.size(), alone.size());
      for (std::size_t i = 0; i < alone.size(); ++i) EXPECT_NEAR(losses[i], alone[i], 1e-3);
    });
  }
}

TEST(Parallel, CompletionIsToldFromTheLastLayerToTheFirst) {
  Parameters parameters;
  Parameter* names[3] = {};
  for (int i = 0; i < 3; ++i) {
    names[i] = &parameters.add("w" + std::to_string(i), Parameter::Role::matrix, 1, 1);
  }
  Tape tape(parameters);
  std::vector<std::string> events;
  const auto step = [&](std::string name) {
    tape.record([&events, name = std::move(name)] { events.push_back(name); });
  };
  GradientCompletion completion(parameters, tape,
                                [&](Parameter& each) { events.push_back(each.name + " done"); });
  const Tap& tap = *completion.tap();
  // Three residuals; the last one uses the first one's matrix again.
  for (const int matrix : {0, 1, 0}) {
    tap(names[matrix]->name + ".in", {});
    step(names[matrix]->name);
    tap("residual.x.out", {});
  }
  tape.backward();
  const std::vector<std::string> expected = {"w0", "w1", "w1 done", "w0"};
  EXPECT_EQ(events, expected);
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
