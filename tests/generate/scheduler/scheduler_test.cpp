#include "generate/scheduler/scheduler.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "base/busy_error.h"
#include "generate/scheduler/bench.h"
#include "generate/scheduler/turn.h"

namespace jielong {
namespace {

/// Waits for jobs and keeps what came of them.
class Results {
 public:
  Job job(std::vector<Token> prompt, const GenerateOptions& options, std::int64_t n = 1) {
    const std::size_t number = expected_++;
    Job job;
    job.prompt = std::move(prompt);
    job.options = options;
    job.n = n;
    job.on_end = [this, number](const JobResult& result) {
      const std::lock_guard lock(mutex_);
      ++ends_[number];
      results_[number] = result;
      changed_.notify_all();
    };
    return job;
  }
  JobResult wait(std::size_t number) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return results_.contains(number); });
    return results_.at(number);
  }
  int ends(std::size_t number) {
    const std::lock_guard lock(mutex_);
    return ends_[number];
  }

 private:
  std::atomic<std::size_t> expected_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::size_t, JobResult> results_;
  std::map<std::size_t, int> ends_;
};

/// Holds up evaluations until it is opened.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

TEST(Scheduler, JobsFromManyThreadsEndOnceAndSayTheSame) {
  PagedRunner runner(60);
  SchedulerOptions options;
  options.max_active = 7;
  options.prefill_rows = 40;
  Results results;
  struct Known {
    std::vector<Token> prompt;
    std::uint64_t seed;
    std::int64_t n;
    std::size_t number;
    bool cancelled;
  };
  std::mutex mutex;
  std::vector<Known> known;
  {
    Scheduler scheduler(runner, nullptr, options);
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        Rng rng(t);
        for (int i = 0; i < 25; ++i) {
          Known job{prompt_of(1 + rng() % 70, rng() % 3), rng() % 100,
                    1 + static_cast<std::int64_t>(rng() % 3), 0, rng() % 4 == 0};
          JobId id = 0;
          {
            const std::lock_guard lock(mutex);
            job.number = known.size();
            id = scheduler.submit(results.job(job.prompt, sampled(30, job.seed), job.n));
            known.push_back(job);
          }
          if (job.cancelled) scheduler.cancel(id);
          if (rng() % 8 == 0) scheduler.between_steps([] {});
        }
      });
    }
    for (auto& thread : threads) thread.join();
    for (const Known& job : known) {
      const JobResult result = results.wait(job.number);
      EXPECT_FALSE(result.error);
      ASSERT_EQ(result.chains.size(), static_cast<std::size_t>(job.n));
      if (job.cancelled) continue;
      const auto expected = alone(job.prompt, sampled(30, job.seed), job.n);
      for (std::size_t c = 0; c < expected.size(); ++c) {
        EXPECT_EQ(result.chains[c].tokens, expected[c]);
      }
    }
    const SchedulerStats stats = scheduler.stats();
    EXPECT_EQ(stats.jobs, known.size());
    EXPECT_EQ(stats.active_chains, 0);
    EXPECT_EQ(stats.waiting_jobs, 0);
    scheduler.drop_prefixes();
    EXPECT_EQ(scheduler.stats().used_blocks, 0U);
    EXPECT_TRUE(scheduler.idle());
  }
  for (std::size_t i = 0; i < known.size(); ++i) EXPECT_EQ(results.ends(i), 1);
  EXPECT_EQ(runner.open_chains(), 0U);
}

TEST(Scheduler, RefusesWhenTheLineIsFull) {
  PagedRunner runner;
  SchedulerOptions options;
  options.max_active = 1;
  options.max_waiting = 2;
  Gate gate;
  std::atomic<bool> evaluating{false};
  runner.before_evaluate = [&](auto) {
    evaluating = true;
    gate.pass();
  };
  Results results;
  Scheduler scheduler(runner, nullptr, options);
  scheduler.submit(results.job(prompt_of(3), sampled(2)));
  while (!evaluating) std::this_thread::yield();
  // The scheduler has not counted the first as running yet: it makes room for one more.
  std::size_t taken = 0;
  bool refused = false;
  while (!refused && taken < 10) {
    try {
      scheduler.submit(results.job(prompt_of(3), sampled(2)));
      ++taken;
    } catch (const BusyError& error) {
      EXPECT_EQ(error.kind(), ErrorKind::limit);
      EXPECT_GT(error.retry_seconds(), 0);
      refused = true;
    }
  }
  EXPECT_TRUE(refused);
  EXPECT_GE(taken, 2U);
  EXPECT_LE(taken, 3U);
  gate.open();
  for (std::size_t i = 0; i <= taken; ++i) EXPECT_FALSE(results.wait(i).error);
}

TEST(Scheduler, TheEndCancelsWhatIsLeft) {
  PagedRunner runner;
  Results results;
  {
    SchedulerOptions options;
    options.max_active = 2;
    Scheduler scheduler(runner, nullptr, options);
    for (int i = 0; i < 5; ++i) scheduler.submit(results.job(prompt_of(10), sampled(100000)));
  }
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(results.ends(i), 1);
    const FinishReason finish = results.wait(i).chains[0].finish;
    EXPECT_TRUE(finish == FinishReason::cancelled || finish == FinishReason::context_full);
  }
  EXPECT_EQ(runner.open_chains(), 0U);
}

TEST(Scheduler, CallbacksMaySubmitAndCancel) {
  PagedRunner runner;
  Results results;
  Scheduler scheduler(runner, nullptr);
  Job first = results.job(prompt_of(10), sampled(1000));
  Job second = results.job(prompt_of(12), sampled(5));
  std::atomic<JobId> id{0};
  first.on_token = [&](const TokenEvent& event) {
    if (event.token == TokenEvent::kNoToken || second.prompt.empty()) return;
    scheduler.submit(std::exchange(second, {}));
    scheduler.cancel(id);
    EXPECT_THROW(scheduler.between_steps([] {}), Error);
  };
  // Held up until its number is known.
  Gate gate;
  runner.before_evaluate = [&](auto) { gate.pass(); };
  id = scheduler.submit(std::move(first));
  gate.open();
  const JobResult cancelled = results.wait(0);
  EXPECT_EQ(cancelled.chains[0].finish, FinishReason::cancelled);
  EXPECT_EQ(cancelled.chains[0].tokens.size(), 1U) << "before the next step";
  EXPECT_EQ(results.wait(1).chains[0].tokens, alone(prompt_of(12), sampled(5))[0]);
}

TEST(Scheduler, WorkBetweenStepsMayFail) {
  PagedRunner runner;
  Scheduler scheduler(runner, nullptr);
  bool done = false;
  scheduler.between_steps([&] { done = true; });
  EXPECT_TRUE(done);
  EXPECT_THROW(scheduler.between_steps([] { throw std::runtime_error("x"); }), std::runtime_error);
}

TEST(Scheduler, CallbacksOfTheEndMayThrow) {
  PagedRunner runner;
  Results results;
  Scheduler scheduler(runner, nullptr);
  Job job = results.job(prompt_of(10), sampled(3));
  job.on_end = [](const JobResult&) { throw 3; };
  scheduler.submit(std::move(job));
  scheduler.submit(results.job(prompt_of(10), sampled(3)));
  EXPECT_FALSE(results.wait(1).error);
}

TEST(Scheduler, RefusesEncoders) {
  struct Encoder : PagedRunner {
    bool generates() const override { return false; }
  } runner;
  Results results;
  Scheduler scheduler(runner, nullptr);
  try {
    scheduler.submit(results.job(prompt_of(10), sampled(3)));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
  }
}

TEST(Turn, GoesRoundInOrder) {
  Turn turn;
  std::vector<int> order;
  std::vector<std::thread> threads;
  turn.lock();
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 50; ++round) {
        turn.lock();
        order.push_back(i);
        turn.unlock();
      }
    });
  }
  turn.unlock();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(order.size(), 200U);
}

}  // namespace
}  // namespace jielong
