#include "evaluate/speed.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.h"
#include "evaluate/test_chain.h"

namespace jielong {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void check_cancel(const std::atomic<bool>* cancel) {
  if (cancel != nullptr && cancel->load(std::memory_order_relaxed)) {
    throw Error(ErrorKind::cancelled, "the benchmark was stopped");
  }
}

}  // namespace

double SpeedResult::median_seconds() const {
  if (seconds.empty()) return 0;
  std::vector<double> sorted = seconds;
  std::sort(sorted.begin(), sorted.end());
  const std::size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

double SpeedResult::tokens_per_second() const {
  const double time = median_seconds();
  return time > 0 ? static_cast<double>(test.prompt + test.generate) / time : 0;
}

double SpeedResult::deviation() const {
  if (seconds.size() < 2) return 0;
  const auto tokens = static_cast<double>(test.prompt + test.generate);
  double sum = 0, squares = 0;
  for (const double time : seconds) sum += tokens / time;
  const double mean = sum / static_cast<double>(seconds.size());
  for (const double time : seconds) squares += std::pow(tokens / time - mean, 2);
  return std::sqrt(squares / static_cast<double>(seconds.size() - 1));
}

SpeedResult measure_speed(Runner& runner, const SpeedTest& test, std::int64_t repetitions,
                          const std::atomic<bool>* cancel) {
  const std::int64_t length = test.depth + test.prompt + test.generate;
  if (test.depth < 0 || test.prompt < 0 || test.generate < 0 || repetitions < 1) {
    throw bad_input("counts must not be negative, and at least one repetition is needed", "bench");
  }
  if (length > runner.context_length()) {
    throw Error(ErrorKind::limit,
                fmt::format("the test needs {} tokens, the context holds {}", length,
                            runner.context_length()),
                "bench", "raise --context or lower depth and counts");
  }
  SpeedResult result{test, {}};
  TestChain chain(runner);
  chain.append(test.depth);
  // The first pass pays for cold caches and pages; it is not counted.
  for (std::int64_t i = -1; i < repetitions; ++i) {
    check_cancel(cancel);
    chain.cut(test.depth);
    const auto start = std::chrono::steady_clock::now();
    if (test.prompt > 0)
      chain.append(i < 0 ? std::min<std::int64_t>(test.prompt, 64) : test.prompt);
    const std::int64_t steps = i < 0 ? std::min<std::int64_t>(test.generate, 4) : test.generate;
    for (std::int64_t step = 0; step < steps; ++step) {
      check_cancel(cancel);
      chain.append(1);
    }
    if (i >= 0) result.seconds.push_back(seconds_since(start));
  }
  return result;
}

double measure_read_bandwidth(ThreadPool& pool) {
  constexpr std::int64_t kBytes = std::int64_t{512} << 20;
  constexpr std::int64_t kWords = kBytes / 8;
  constexpr std::int64_t kLanes = 32;
  constexpr int kPasses = 6;
  std::vector<std::uint64_t> data(static_cast<std::size_t>(kWords));
  pool.for_range(kWords, kLanes, [&](std::int64_t begin, std::int64_t end) {
    std::fill(data.begin() + begin, data.begin() + end, 3);  // each thread touches its part
  });
  std::atomic<std::uint64_t> sink{0};
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    pool.for_range(kWords, kLanes, [&](std::int64_t begin, std::int64_t end) {
      std::uint64_t lanes[kLanes] = {};
      const std::uint64_t* words = data.data();
      for (std::int64_t i = begin; i + kLanes <= end; i += kLanes) {
        for (std::int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += words[i + lane];
      }
      std::uint64_t sum = 0;
      for (const std::uint64_t lane : lanes) sum += lane;
      sink.fetch_add(sum, std::memory_order_relaxed);
    });
    best = std::max(best, static_cast<double>(kBytes) / seconds_since(start));
  }
  return sink.load() > 0 ? best : 0;
}

}  // namespace jielong
