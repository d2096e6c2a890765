#include "base/thread_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/error.h"

namespace jielong {
namespace {

class ThreadPoolTest : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Sizes, ThreadPoolTest, testing::Values(1, 2, 3, 8));

TEST_P(ThreadPoolTest, EveryThreadRunsOncePerRegion) {
  ThreadPool pool(GetParam());
  ASSERT_EQ(pool.size(), GetParam());
  std::vector<int> calls(static_cast<std::size_t>(pool.size()));
  for (int region = 0; region < 300; ++region) {
    pool.run([&](int thread, int threads) {
      EXPECT_EQ(threads, GetParam());
      ++calls[static_cast<std::size_t>(thread)];
    });
  }
  EXPECT_THAT(calls, testing::Each(300));
}

TEST_P(ThreadPoolTest, CallerIsThreadZero) {
  ThreadPool pool(GetParam());
  std::thread::id zero;
  pool.run([&](int thread, int) {
    if (thread == 0) zero = std::this_thread::get_id();
  });
  EXPECT_EQ(zero, std::this_thread::get_id());
}

TEST_P(ThreadPoolTest, WhatARegionWroteIsSeenAfterIt) {
  ThreadPool pool(GetParam());
  std::vector<std::int64_t> values(10'000, 0);
  for (int round = 0; round < 50; ++round) {
    pool.for_range(std::ssize(values), 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) values[static_cast<std::size_t>(i)] += i;
    });
  }
  for (std::int64_t i = 0; i < std::ssize(values); ++i) {
    ASSERT_EQ(values[static_cast<std::size_t>(i)], 50 * i);
  }
}

TEST_P(ThreadPoolTest, WakesWorkersThatFellAsleep) {
  ThreadPool pool(GetParam());
  std::atomic<int> calls{0};
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    pool.run([&](int, int) { ++calls; });
  }
  EXPECT_EQ(calls, 5 * GetParam());
}

TEST_P(ThreadPoolTest, ExceptionReachesTheCallerAndThePoolGoesOn) {
  ThreadPool pool(GetParam());
  for (int culprit = 0; culprit < GetParam(); ++culprit) {
    std::atomic<int> calls{0};
    try {
      pool.run([&](int thread, int) {
        ++calls;
        if (thread == culprit) throw std::runtime_error("thread failed");
      });
      ADD_FAILURE() << "the exception was lost";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "thread failed");
    }
    EXPECT_EQ(calls, GetParam()) << "the region ended early";
  }
  EXPECT_THROW(pool.run([](int, int) { throw bad_input("all fail"); }), Error);
  std::atomic<int> calls{0};
  pool.run([&](int, int) { ++calls; });
  EXPECT_EQ(calls, GetParam());
}

TEST_P(ThreadPoolTest, BarrierSeparatesPhases) {
  ThreadPool pool(GetParam());
  const auto size = static_cast<std::size_t>(pool.size());
  std::vector<int> first(size), second(size);
  for (int round = 1; round <= 60; ++round) {
    pool.run([&](int thread, int threads) {
      const auto own = static_cast<std::size_t>(thread);
      const auto next = static_cast<std::size_t>((thread + 1) % threads);
      first[own] = round;
      pool.barrier();
      second[own] = first[next];
      pool.barrier();
      first[next] = -1;  // nobody reads `first` of this round any more
      pool.barrier();
    });
    ASSERT_THAT(second, testing::Each(round));
  }
}

TEST(ThreadPoolSlice, CoversTheRangeOnceOnGrainBorders) {
  for (const std::int64_t count : {0, 1, 15, 16, 17, 100, 1000}) {
    for (const std::int64_t grain : {1, 16, 64}) {
      for (const int threads : {1, 2, 3, 7}) {
        std::int64_t at = 0;
        for (int thread = 0; thread < threads; ++thread) {
          const auto [begin, end] = ThreadPool::slice(count, grain, thread, threads);
          ASSERT_EQ(begin, at);
          ASSERT_LE(begin, end);
          ASSERT_TRUE(begin % grain == 0 || begin == count);
          at = end;
        }
        ASSERT_EQ(at, count);
      }
    }
  }
}

TEST(ThreadPoolSlice, SharesAreEven) {
  for (int thread = 0; thread < 3; ++thread) {
    const auto [begin, end] = ThreadPool::slice(100, 1, thread, 3);
    EXPECT_GE(end - begin, 33);
    EXPECT_LE(end - begin, 34);
  }
}

TEST(ThreadPool, RefusesSenselessSizes) {
  EXPECT_THROW(ThreadPool(0), Error);
  EXPECT_THROW(ThreadPool(-1), Error);
  EXPECT_THROW(ThreadPool(1'000'000), Error);
}

TEST(ThreadPool, ThreadsTheSystemRefusesAreAnError) {
  // In a child with little address space left, the stacks of 2,000 threads do not fit. The
  // sanitizers reserve more than any limit, so that they see this test as skipped.
#ifdef JIELONG_SANITIZED
  GTEST_SKIP() << "address space cannot be limited under a sanitizer";
#endif
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit limit{2ULL << 30, 2ULL << 30};
    ::setrlimit(RLIMIT_AS, &limit);
    try {
      ThreadPool pool(2000);
    } catch (const Error& error) {
      ::_exit(error.kind() == ErrorKind::limit ? 7 : 8);
    }
    ::_exit(9);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status)) << "the process died of signal " << WTERMSIG(status);
  if (WEXITSTATUS(status) == 9) GTEST_SKIP() << "address space is not limited here";
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

}  // namespace
}  // namespace jielong
