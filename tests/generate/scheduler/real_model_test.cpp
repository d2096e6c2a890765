// The scheduler over a real, if tiny, model: pages, kernels and threads included.

#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>

#include "base/error.h"
#include "base/scratch.h"
#include "base/thread_pool.h"
#include "generate/scheduler/bench.h"
#include "generate/scheduler/scheduler.h"
#include "generate/scheduler/turn.h"
#include "model/model_runner.h"

namespace jielong {
namespace {

constexpr std::int64_t kVocabulary = 80;

class RealModel : public testing::TestWithParam<const char*> {
 protected:
  std::shared_ptr<Model> load(ThreadPool& pool) {
    auto model =
        Model::load(std::filesystem::path(JIELONG_TEST_DATA) / "model/goldens" / GetParam());
    model->prepare(pool);
    return model;
  }
};

std::vector<Token> prompt(std::size_t count, std::uint64_t seed) {
  return prompt_of(count, seed, kVocabulary);
}

struct Session {
  std::map<std::size_t, JobResult> results;
  SchedulerStats stats;
};

/// Runs 12 jobs, some of which begin alike.
Session run_jobs(Scheduler& scheduler) {
  std::mutex mutex;
  std::condition_variable changed;
  Session run;
  for (std::size_t i = 0; i < 12; ++i) {
    Job job;
    job.prompt = prompt(20 + 8 * i, i % 3);
    job.options = sampled(30, i);
    job.n = i % 4 == 1 ? 2 : 1;
    job.on_end = [&, i](const JobResult& result) {
      const std::lock_guard lock(mutex);
      run.results[i] = result;
      changed.notify_all();
    };
    scheduler.submit(std::move(job));
  }
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return run.results.size() == 12; });
  run.stats = scheduler.stats();
  return run;
}

TEST_P(RealModel, SameBytesAsAlone) {
  ThreadPool one(1), two(2);
  const auto model = load(one);
  for (const std::int64_t chains : {1, 8}) {
    ThreadPool& pool = chains == 1 ? one : two;
    RunnerOptions options;
    options.context_length = 128;
    options.max_chains = chains;  // with one, chains must give way
    Session run;
    {
      ModelRunner runner(model, pool, options);
      SchedulerOptions settings;
      settings.pool = &pool;
      settings.turn = std::make_shared<Turn>();
      settings.prefill_rows = 40;
      Scheduler scheduler(runner, nullptr, settings);
      run = run_jobs(scheduler);
      scheduler.drop_prefixes();
      EXPECT_EQ(scheduler.stats().used_blocks, 0U);
    }
    for (const auto& [i, result] : run.results) {
      ASSERT_FALSE(result.error) << result.error->what();
      ModelRunner runner(model, one, {.context_length = 128});
      const auto expected =
          generate(runner, nullptr, prompt(20 + 8 * i, i % 3), sampled(30, i), i % 4 == 1 ? 2 : 1);
      for (std::size_t c = 0; c < expected.chains.size(); ++c) {
        EXPECT_EQ(result.chains[c].tokens, expected.chains[c].tokens) << i;
      }
    }
    RecordProperty("steps", static_cast<int>(run.stats.steps));
    if (chains > 1) {
      EXPECT_GT(run.stats.reused_tokens, 0U);
    }
  }
}

/// One whose layers all keep what they know in blocks.
class AttendingModel : public RealModel {};

TEST_P(AttendingModel, PrefixesSurviveARestart) {
  ThreadPool pool(1);
  const auto model = load(pool);
  const test::Scratch folder;
  RunnerOptions options;
  options.context_length = 128;
  Session first, second;
  {
    ModelRunner runner(model, pool, options);
    Scheduler scheduler(runner, nullptr);
    first = run_jobs(scheduler);
    scheduler.save_prefixes(folder / "p");
  }
  {
    ModelRunner runner(model, pool, options);
    Scheduler scheduler(runner, nullptr);
    EXPECT_EQ(scheduler.load_prefixes(folder / "p"), first.stats.cached_prefix_tokens);
    second = run_jobs(scheduler);
  }
  for (const auto& [i, result] : first.results) {
    EXPECT_EQ(second.results.at(i).chains[0].tokens, result.chains[0].tokens);
  }
  EXPECT_GT(second.stats.reused_tokens, first.stats.reused_tokens);
  options.kv_type = KvType::q8_0;
  ModelRunner other(model, pool, options);
  Scheduler scheduler(other, nullptr);
  EXPECT_THROW(scheduler.load_prefixes(folder / "p"), Error);
}

INSTANTIATE_TEST_SUITE_P(Families, RealModel,
                         testing::Values("llama", "gemma3", "qwen3_moe", "mamba", "jamba",
                                         "falcon_h1"));
INSTANTIATE_TEST_SUITE_P(Families, AttendingModel, testing::Values("llama", "gemma3", "qwen3_moe"));

class RecurrentModel : public RealModel {};

TEST_P(RecurrentModel, PrefixesAreReusedButNotSaved) {
  ThreadPool pool(1);
  const auto model = load(pool);
  const test::Scratch folder;
  ModelRunner runner(model, pool, {.context_length = 128});
  Scheduler scheduler(runner, nullptr);
  EXPECT_GT(run_jobs(scheduler).stats.reused_tokens, 0U);
  try {
    scheduler.save_prefixes(folder / "p");
    FAIL() << "blocks without states";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "p"));
}

INSTANTIATE_TEST_SUITE_P(Families, RecurrentModel, testing::Values("mamba2", "qwen3_next"));

}  // namespace
}  // namespace jielong
