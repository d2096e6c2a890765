#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <utility>
#include <vector>

namespace jielong {

/// The engine's one thread pool: fork-join regions in which every thread runs the
/// same function with its own index. The caller is thread 0. Workers spin for a
/// short while after a region, because the next one usually follows within
/// microseconds, and then sleep until woken.
///
/// One region runs at a time; run() must not be called from inside a region.
class ThreadPool {
 public:
  /// @param threads total number of threads, the caller included; at least 1.
  explicit ThreadPool(int threads);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls body(thread, threads) once on every thread and returns when all are done.
  /// The first exception thrown by a body is rethrown here.
  template <typename Body>
  void run(const Body& body) {
    run_erased([](const void* context, int thread,
                  int threads) { (*static_cast<const Body*>(context))(thread, threads); },
               &body);
  }

  /// Splits [0, count) into one contiguous range a thread, borders on multiples of
  /// `grain`, and calls body(begin, end) for each range that is not empty.
  template <typename Body>
  void for_range(std::int64_t count, std::int64_t grain, const Body& body) {
    run([&](int thread, int threads) {
      const auto [begin, end] = slice(count, grain, thread, threads);
      if (begin < end) body(begin, end);
    });
  }

  /// The part of [0, count) that belongs to `thread` of `threads`, in units of `grain`.
  static std::pair<std::int64_t, std::int64_t> slice(std::int64_t count, std::int64_t grain,
                                                     int thread, int threads) {
    const std::int64_t units = (count + grain - 1) / grain;
    const std::int64_t begin = units * thread / threads * grain;
    const std::int64_t end = units * (thread + 1) / threads * grain;
    return {begin < count ? begin : count, end < count ? end : count};
  }

  /// Waits inside a region until every thread of it has arrived. All threads of the
  /// region must call it equally often; a body that uses it must not throw.
  void barrier();

 private:
  using Erased = void (*)(const void* context, int thread, int threads);
  void run_erased(Erased function, const void* context);
  void work(int thread);
  void call(int thread);
  void stop();

  std::vector<std::thread> workers_;
  bool spin_ = true;
  Erased function_ = nullptr;
  const void* context_ = nullptr;
  std::exception_ptr failure_;
  std::atomic<bool> failed_{false};
  std::atomic<bool> stop_{false};
  alignas(64) std::atomic<std::uint32_t> region_{0};
  alignas(64) std::atomic<std::int32_t> running_{0};
  alignas(64) std::atomic<std::int32_t> arrived_{0};
  alignas(64) std::atomic<std::uint32_t> phase_{0};
};

}  // namespace jielong
