#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace jielong {

/// A lock that is granted in the order it was asked for. Several schedulers share it where
/// they share a thread pool, which works for one at a time: with a plain mutex the one that
/// has just had it would usually get it again.
class Turn {
 public:
  void lock() {
    std::unique_lock guard(mutex_);
    const std::uint64_t mine = last_++;
    changed_.wait(guard, [&] { return current_ == mine; });
  }
  void unlock() {
    {
      const std::lock_guard guard(mutex_);
      ++current_;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t last_ = 0, current_ = 0;
};

}  // namespace jielong
