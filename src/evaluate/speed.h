#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/thread_pool.h"
#include "model/runner.h"

namespace jielong {

/// One speed test: `depth` tokens are in the chain already; then `prompt` tokens are
/// evaluated at once, and after them `generate` tokens one by one.
struct SpeedTest {
  std::int64_t depth = 0;
  std::int64_t prompt = 0;
  std::int64_t generate = 0;
};

struct SpeedResult {
  SpeedTest test;
  std::vector<double> seconds;  ///< of each repetition
  double median_seconds() const;
  /// Tokens per second of the median repetition.
  double tokens_per_second() const;
  /// Standard deviation of the repetitions' tokens per second.
  double deviation() const;
};

/// Times a test `repetitions` times after a warm-up. The tokens are arbitrary. Throws
/// Error(limit) when the test exceeds the context, Error(cancelled) once `cancel` is true.
SpeedResult measure_speed(Runner& runner, const SpeedTest& test, std::int64_t repetitions,
                          const std::atomic<bool>* cancel = nullptr);

/// Bytes per second that the pool's threads read together from memory too large for any
/// cache: the bound of decoding. The best of some passes.
double measure_read_bandwidth(ThreadPool& pool);

}  // namespace jielong
