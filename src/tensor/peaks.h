#pragma once

#include <algorithm>
#include <chrono>

#include "base/thread_pool.h"

// How fast this machine's units multiply at most, from registers alone.
namespace jielong {

/// Products (multiplications with their additions) a second of all threads together; 0 where the
/// machine has no such instruction, or it is not known how to probe it.
struct Peaks {
  double int8_vectors = 0, int8_tiles = 0;
  double f32 = 0;
  double bf16_vectors = 0, bf16_tiles = 0;
};

/// Seconds of the fastest of several calls of `body` on every thread of the pool: nothing but
/// disturbance makes one slower than the machine.
template <typename Body>
double best_seconds(ThreadPool& pool, const Body& body, int passes = 8) {
  using Clock = std::chrono::steady_clock;
  double best = 1e30;
  for (int pass = 0; pass < passes; ++pass) {
    const auto start = Clock::now();
    pool.run(body);
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

/// Measures them, which takes some hundredths of a second.
Peaks measure_peaks(ThreadPool& pool);

}  // namespace jielong
