#include "base/thread_pool.h"

#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <system_error>
#include <utility>

#include "base/error.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace jielong {
namespace {

/// Long enough to bridge the gap between two regions of one decoding step, short
/// enough that an idle program does not burn a core.
constexpr auto kSpinTime = std::chrono::microseconds(200);
constexpr int kSpinsPerClockRead = 64;
constexpr int kMaxThreads = 4096;

inline void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Spins, then sleeps, until `value` is no longer `old`.
template <typename T>
void await_change(std::atomic<T>& value, T old, bool spin) {
  if (!spin) return value.wait(old, std::memory_order_acquire);
  for (int i = 0; i < kSpinsPerClockRead; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    relax();
  }
  const auto deadline = std::chrono::steady_clock::now() + kSpinTime;
  while (std::chrono::steady_clock::now() < deadline) {
    for (int i = 0; i < kSpinsPerClockRead; ++i) {
      if (value.load(std::memory_order_acquire) != old) return;
      relax();
    }
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  if (threads < 1) {
    throw bad_input("the number of threads must be at least 1", "threads",
                    "pass a positive number");
  }
  if (threads > kMaxThreads) {
    throw Error(ErrorKind::limit, fmt::format("more than {} threads", kMaxThreads), "threads",
                "pass about the number of cores");
  }
  // With more threads than cores a spinning thread keeps the one it waits for from running.
  spin_ = threads <= static_cast<int>(std::thread::hardware_concurrency());
  workers_.reserve(static_cast<std::size_t>(threads - 1));
  try {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
  } catch (const std::system_error& error) {
    stop();
    throw Error(ErrorKind::limit,
                fmt::format("the system refused thread {} of {}: {}", workers_.size() + 2, threads,
                            error.what()),
                "threads", "ask for fewer threads or raise the limit (ulimit -u)");
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  stop_.store(true, std::memory_order_relaxed);
  region_.fetch_add(1, std::memory_order_release);
  region_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::call(int thread) {
  try {
    function_(context_, thread, size());
  } catch (...) {
    if (!failed_.exchange(true)) failure_ = std::current_exception();
  }
}

void ThreadPool::work(int thread) {
  std::uint32_t seen = 0;
  for (;;) {
    await_change(region_, seen, spin_);
    ++seen;
    if (stop_.load(std::memory_order_relaxed)) return;
    call(thread);
    if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) running_.notify_one();
  }
}

void ThreadPool::run_erased(Erased function, const void* context) {
  function_ = function;
  context_ = context;
  const auto others = static_cast<std::int32_t>(workers_.size());
  if (others > 0) {
    running_.store(others, std::memory_order_relaxed);
    region_.fetch_add(1, std::memory_order_release);
    region_.notify_all();
  }
  call(0);
  for (std::int32_t left = running_.load(std::memory_order_acquire); left != 0;
       left = running_.load(std::memory_order_acquire)) {
    await_change(running_, left, spin_);
  }
  if (failed_.load(std::memory_order_acquire)) {
    failed_.store(false);
    std::rethrow_exception(std::exchange(failure_, nullptr));
  }
}

void ThreadPool::barrier() {
  const std::uint32_t phase = phase_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size()) {
    arrived_.store(0, std::memory_order_relaxed);
    phase_.fetch_add(1, std::memory_order_release);
    phase_.notify_all();
    return;
  }
  await_change(phase_, phase, spin_);
}

}  // namespace jielong
