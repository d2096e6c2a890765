#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace jielong::serve {

/// Threads that run tasks from a line of bounded length.
class WorkerPool {
 public:
  WorkerPool(std::size_t workers, std::size_t max_waiting);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  ~WorkerPool() { stop(); }

  /// False when the line is full or the pool is stopped. Tasks must not throw.
  bool try_run(std::function<void()> task);
  /// Forgets the tasks that wait, and returns when those that run are done.
  void stop();

 private:
  void work();

  const std::size_t max_waiting_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  bool stopped_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace jielong::serve
